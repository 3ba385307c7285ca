import { InvalidOptionError } from '@farebox/core'
import { Ledger } from '@farebox/ledger'

/**
 * Opens the ledger that `--store` names: a Postgres URL, or the path of a SQLite file.
 *
 * @throws {InvalidOptionError} it is a URL of another kind
 */
export async function openStore(store: string, schema: string | undefined): Promise<Ledger> {
  // Each driver is loaded only when it is used, since a user installs only one of the two databases' packages.
  if (/^postgres(ql)?:\/\//.test(store)) {
    const { postgres } = await import('@farebox/ledger/postgres')
    return new Ledger(postgres({ connectionString: store, schema }))
  }
  if (/^[a-z]+:\/\//.test(store)) {
    throw new InvalidOptionError(
      `--store must be a postgres:// URL or the path of a SQLite file, received ${store.split('://')[0]}://…`,
    )
  }
  const { sqlite } = await import('@farebox/ledger/sqlite')
  return new Ledger(sqlite({ filename: store }))
}
