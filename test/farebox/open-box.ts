import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Credits, credits } from '@farebox/core'
import { type CreateApiKeyInput, Ledger, type LedgerDriver } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, type Farebox, type FareboxOptions } from 'farebox'
import { expect, onTestFinished } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { holdToDocument } from './hold-to-document.ts'

/** A database of one test's own. */
interface TestStore {
  /** A new driver over it. */
  driver(clock?: () => number): LedgerDriver
  drop(): Promise<void>
}

const stores = {
  async SQLite(): Promise<TestStore> {
    const folder = databaseFolder('box')
    return {
      driver: (clock) => sqlite({ filename: join(folder, 'credits.db'), clock }),
      drop: async () => rmSync(folder, { recursive: true, force: true }),
    }
  },
  async Postgres(): Promise<TestStore> {
    const database = await createTestDatabase()
    return { driver: (clock) => postgres({ connectionString: database.url, clock }), drop: database.drop }
  },
}

/** Whose database a Farebox is over, for others to be opened beside it. */
const storeOf = new WeakMap<Farebox, TestStore>()

export type StoreName = keyof typeof stores
export const storeNames = Object.keys(stores) as StoreName[]

/** How a test's Farebox is made. `storeClock` is the clock by which holds expire. */
interface TestOptions extends Partial<FareboxOptions> {
  storeClock?: () => number
}

/**
 * A Farebox over a database of its own, with simulated providers unless the test brings others. When the test has ended it is
 * closed, and its books are read again by somebody else: see {@link checkBooks}. Whatever its API answers is held to its OpenAPI document.
 */
export async function openBox({
  on = 'SQLite',
  storeClock,
  ...options
}: TestOptions & { on?: StoreName } = {}): Promise<Farebox> {
  const store = await stores[on]()
  const box = createFarebox({ store: store.driver(storeClock), providers: [simulated()], ...options })
  storeOf.set(box, store)
  const faults = holdToDocument(box)
  onTestFinished(async () => {
    try {
      await box.close()
      expect(faults, 'answers that the OpenAPI document does not allow').toEqual([])
      await checkBooks(store.driver())
    } finally {
      await store.drop()
    }
  })
  await box.migrate()
  return box
}

/** A driver over the database of `box`, to read what is in it, closed when the test has ended. */
export function openDriver(box: Farebox): LedgerDriver {
  const store = storeOf.get(box)
  if (!store) throw new Error('only what openBox opened has a database to share')
  const driver = store.driver()
  onTestFinished(() => driver.close())
  return driver
}

/** Another process over the database of `box`: a Farebox that shares nothing else with it, closed when the test has ended. */
export function openBeside(box: Farebox, { storeClock, ...options }: TestOptions = {}): Farebox {
  const store = storeOf.get(box)
  if (!store) throw new Error('only what openBox opened has a database to share')
  const beside = createFarebox({ store: store.driver(storeClock), providers: [simulated()], ...options })
  onTestFinished(() => beside.close())
  return beside
}

/** Whatever a test did: the journals replay without a mismatch, no hold is left, and nobody could ever spend below zero. */
async function checkBooks(driver: LedgerDriver): Promise<void> {
  const ledger = new Ledger(driver)
  try {
    for (const { accountId, held } of await ledger.accounts({ limit: 1_000 })) {
      const { mismatches } = await ledger.verify(accountId)
      expect(mismatches, `verify(${accountId})`).toEqual([])
      expect(held, `held by ${accountId}`).toBe(0n)
      const { items } = await ledger.statement(accountId, { limit: 1_000_000 })
      let available = 0n
      for (const { postings } of items.reverse()) {
        for (const [bucket, amount] of postings) if (bucket === 'available') available += amount
        expect(available >= 0n, `${accountId} could spend ${available}`).toBe(true)
      }
    }
  } finally {
    await ledger.close()
  }
}

export interface TestAccount {
  accountId: string
  apiKeyId: string
  /** The secret that its requests carry. */
  key: string
  prefix: string
}

/** An account with a balance and a key, however small the balance. */
export async function openAccount(
  box: Farebox,
  { balance = credits(10_000), ...key }: { balance?: Credits } & Omit<CreateApiKeyInput, 'accountId'> = {},
): Promise<TestAccount> {
  const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
  if (balance > 0n) await box.ledger.grant({ accountId, amount: balance })
  return { accountId, ...(await openKey(box, accountId, key)) }
}

/** Another key of an account. */
export async function openKey(
  box: Farebox,
  accountId: string,
  key: Omit<CreateApiKeyInput, 'accountId'> = {},
): Promise<Omit<TestAccount, 'accountId'>> {
  const made = await box.ledger.createApiKey({ ...key, accountId, minimumBalance: credits(0) })
  if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
  return { apiKeyId: made.apiKeyId, prefix: made.prefix, key: made.secret }
}

/** Another key of an account, which has expired. */
export async function openExpiredKey(box: Farebox, accountId: string): Promise<Omit<TestAccount, 'accountId'>> {
  const expiresAt = Date.now() + 200
  const key = await openKey(box, accountId, { expiresAt })
  await expect.poll(() => Date.now()).toBeGreaterThan(expiresAt)
  return key
}
