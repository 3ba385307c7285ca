import { setImmediate } from 'node:timers/promises'
import { InvalidOptionError } from '@farebox/core'
import { type Ledger, SchemaVersionError } from '@farebox/ledger'
import type { Command } from 'commander'
import { counted } from './counted.ts'
import { openStore, type StoreOptions } from './store.ts'
import type { Terminal } from './terminal.ts'

/** How many rows of JSON are printed at once. */
const PRINTED_AT_ONCE = 500
/** Rows between two progress messages. */
const PROGRESS = 1_000

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

  /**
   * Prints rows as they come. JSON goes out a few hundred rows at a time, so that any number fits into memory and a reader that
   * stops is noticed. A table needs them all, for its columns are as wide as the widest cell.
   *
   * @param what  what the rows are, to show how many were read
   */
  async printEach(shared: Pick<Shared, 'json'>, rows: AsyncIterable<object>, what: string): Promise<void> {
    const { terminal } = this
    const kept: object[] = []
    let count = 0
    let isBegun = false
    const flush = (end: string) => {
      const lines = kept.splice(0).map((row) => `  ${JSON.stringify(row, null, 2).replaceAll('\n', '\n  ')}`)
      if (lines.length > 0) terminal.line(`${isBegun ? '' : '[\n'}${lines.join(',\n')}${end}`)
      isBegun = true
    }
    for await (const row of rows) {
      if (shared.json && kept.length === PRINTED_AT_ONCE) {
        flush(',')
        await setImmediate()
      }
      kept.push(row)
      count += 1
      if (count % PROGRESS === 0) terminal.progress?.(counted(count, what))
    }
    terminal.progress?.('')
    if (shared.json && count > 0) flush('\n]')
    else this.print(shared, kept)
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
