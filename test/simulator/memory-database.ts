import type { Changes, LoadRequest } from '../../packages/ledger/src/machine/state.ts'
import { ConflictError, MemoryStorage } from './memory-storage.ts'

/**
 * How transactions keep out of each other's way. `locking`: each account's row is locked, as on Postgres. `one writer`: one transaction
 * at a time, as on SQLite. `optimistic`: none waits, and one whose accounts were written meanwhile is refused at its commit.
 */
export const isolations = ['locking', 'one writer', 'optimistic'] as const
export type Isolation = (typeof isolations)[number]

/** A database in memory: a storage, and transactions on it. */
export class MemoryDatabase {
  readonly isolation: Isolation
  readonly storage: MemoryStorage
  /** How many holds of an account one transaction gives back because they are due. */
  readonly dueAtOnce: number
  /** Who has locked an account; or everything, under `''`. */
  readonly locks = new Map<string, Transaction>()

  constructor(isolation: Isolation, dueAtOnce: number) {
    this.isolation = isolation
    this.dueAtOnce = dueAtOnce
    this.storage = new MemoryStorage(dueAtOnce)
  }

  begin(accountIds: readonly string[]): Transaction {
    return new Transaction(this, accountIds)
  }
}

/** One transaction. Nothing that it does is seen before it commits, and all of it after. */
export class Transaction {
  readonly #database: MemoryDatabase
  readonly #accountIds: readonly string[]
  readonly #versions: Map<string, number>

  constructor(database: MemoryDatabase, accountIds: readonly string[]) {
    this.#database = database
    this.#accountIds = accountIds
    this.#versions = new Map(accountIds.map((accountId) => [accountId, database.storage.version(accountId)]))
  }

  /** Takes the locks that it needs, in order; false when it must wait for one, and keeps those that it has. */
  lock(): boolean {
    const { locks, storage, isolation } = this.#database
    if (isolation === 'optimistic') return true
    // As in a database: there is no row to lock of an account that is yet to be opened.
    const wanted = isolation === 'one writer' ? [''] : this.#accountIds.filter((accountId) => storage.version(accountId) > 0)
    for (const name of wanted) {
      const holder = locks.get(name)
      if (holder && holder !== this) return false
      locks.set(name, this)
    }
    return true
  }

  /** @throws {ConflictError} what was loaded before is not what is there now */
  load(requests: readonly LoadRequest[]): object[][] {
    this.#expectUnchanged()
    return requests.map((request) => this.#database.storage.load(request))
  }

  /** @throws {ConflictError} another transaction came first; nothing was written */
  commit(changes: Changes): void {
    try {
      this.#expectUnchanged()
      this.#database.storage.write(changes)
    } finally {
      this.rollback()
    }
  }

  /** An optimistic transaction that sees the rows of two moments would decide on what never was. */
  #expectUnchanged(): void {
    const { isolation, storage } = this.#database
    if (isolation !== 'optimistic') return
    for (const [accountId, version] of this.#versions) {
      if (storage.version(accountId) !== version) throw new ConflictError(`${accountId} was written meanwhile`)
    }
  }

  /** Ends it without a trace, as the database does when its client is gone. */
  rollback(): void {
    const { locks } = this.#database
    for (const [name, holder] of locks) if (holder === this) locks.delete(name)
  }
}
