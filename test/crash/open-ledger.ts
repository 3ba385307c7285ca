import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'

/** Where a ledger is: the name of its driver, and a file or a connection string. */
export type Location = readonly ['sqlite' | 'postgres', string]

export function openLedger([kind, location]: Location): Ledger {
  if (kind === 'sqlite') return new Ledger<unknown>(sqlite({ filename: location }) as never)
  return new Ledger<unknown>(postgres({ connectionString: location }) as never)
}
