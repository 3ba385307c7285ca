import { InvalidOptionError } from '@farebox/core'
import { type Ledger, SchemaVersionError } from '@farebox/ledger'
import type { Command } from 'commander'
import { openStore, type StoreOptions } from './store.ts'
import type { Terminal } from './terminal.ts'

/** The options of every command that works on a store. */
export interface Shared {
  store: string
  schema?: string
  prefix?: string
  json?: boolean
}

/** What the commands share: how they are declared, reach the ledger and print. */
export class Shell {
  readonly terminal: Terminal
  readonly #program: Command

  constructor(program: Command, terminal: Terminal) {
    this.#program = program
    this.terminal = terminal
  }

  /** Declares a command that needs no store. */
  plainCommand(name: string, description: string): Command {
    return this.#program.command(name).description(description)
  }

  /** Declares a command that works on a store. */
  command(name: string, description: string): Command {
    return this.plainCommand(name, description)
      .requiredOption('--store <where>', 'a postgres:// URL, or the path of a SQLite file')
      .option('--schema <name>', 'the Postgres schema that holds the tables (default: public)')
      .option('--prefix <name>', 'the prefix of the table names in SQLite (default: farebox_)')
      .option('--json', 'print JSON')
  }

  print(shared: Pick<Shared, 'json'>, rows: readonly object[]): void {
    if (shared.json) this.terminal.line(JSON.stringify(rows, null, 2))
    else if (rows.length > 0) this.terminal.table(rows)
    else this.terminal.line('nothing found')
  }

  /** Opens the store, works on it, and closes it again. */
  async withLedger(shared: Shared, work: (ledger: Ledger) => Promise<void>, options: StoreOptions = {}): Promise<void> {
    const ledger = await openStore(shared, options)
    try {
      // Throws if the database is newer: this code may still read its tables, but does not know what they mean.
      if (!options.isNew) await ledger.planMigration()
      await work(ledger)
    } catch (error) {
      // `migrate` itself reports what keeps it from making the tables.
      if (!options.isNew && error instanceof SchemaVersionError && (await lacksTables(ledger))) throw tablesUnmade(error)
      throw error
    } finally {
      await ledger.close()
    }
  }
}

/** Whether tables are missing, or older than this code. */
export async function lacksTables(ledger: Ledger): Promise<boolean> {
  const { pending } = await ledger.planMigration()
  return pending.some(({ name }) => name !== 'views')
}

/** Names the command to run. The ledger's own message names a method. */
export function tablesUnmade(cause?: unknown): InvalidOptionError {
  return new InvalidOptionError('the tables are not all there yet: run farebox migrate first', { cause })
}
