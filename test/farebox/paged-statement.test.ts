import { join } from 'node:path'
import { type Credits, credits, microCredits } from '@farebox/core'
import type { LedgerDriver } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, type Farebox } from 'farebox'
import { expect, it, onTestFinished } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type ApiClient, serveApi } from './api-client.ts'
import { openAccount } from './open-box.ts'

interface Entry {
  sequence: number
  change: string
  balance: string
}

/** A generator of numbers below one from a seed, so that a failure can be played again. */
function diceFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Does something random to an account. What is refused is as good as what is done. */
async function change(box: Farebox, accountId: string, dice: () => number, made: Made): Promise<unknown> {
  const { ledger } = box
  const pick = <Value>(values: readonly Value[]): Value | undefined => values[Math.floor(dice() * values.length)]
  const amount = (): Credits => microCredits(BigInt(1 + Math.floor(dice() * 3_000_000)))
  const work = { accountId, service: 'gpt', provider: 'gpt-4o' } as const
  const usage = () => ({
    quantity: 1_000_000n as never,
    unit: 'tokens' as const,
    rated: amount(),
    roundingStep: microCredits(1n),
  })
  const id = `n${made.count++}`
  const refused = () => undefined
  switch (Math.floor(dice() * 9)) {
    case 0:
      made.grants.push(id)
      return ledger.grant({ accountId, grantId: id, amount: amount(), ...(dice() < 0.5 && { expiresAt: made.now() + 60_000 }) })
    case 1:
      made.usages.push(id)
      return ledger.charge({ ...work, usageId: id, usage: usage() })
    case 2: {
      const hold = await ledger.placeHold({ ...work, holdId: id, amount: amount(), overage: dice() < 0.5 ? 'debt' : 'cap' })
      if (hold.status === 'placed') made.holds.push(id)
      return hold
    }
    case 3:
      return ledger.settleHold({ accountId, holdId: pick(made.holds) ?? 'none', usageId: id, usage: usage() }).catch(refused)
    case 4:
      return ledger.releaseHold({ accountId, holdId: pick(made.holds) ?? 'none' }).catch(refused)
    case 5:
      return ledger.refund({ accountId, usageId: pick(made.usages) ?? 'none', correctionId: id }).catch(refused)
    case 6:
      return ledger.revokeGrant({ accountId, grantId: pick(made.grants) ?? 'none' }).catch(refused)
    case 7:
      return ledger.chargeback({ accountId, grantId: pick(made.grants) ?? 'none' }).catch(refused)
    default:
      made.pass(20_000)
      return ledger.balance(accountId)
  }
}

interface Made {
  count: number
  grants: string[]
  usages: string[]
  holds: string[]
  now(): number
  pass(ms: number): void
}

/** Every entry of the statement, a page at a time, with `between` after each page. */
async function paged(api: ApiClient, limit: number, between: () => Promise<unknown>): Promise<Entry[]> {
  const entries: Entry[] = []
  for (let cursor = ''; ; ) {
    const { status, body } = await api.get(`/api/v1/credits/statement?limit=${limit}${cursor}`)
    expect(status).toBe(200)
    const page = body as unknown as { entries: Entry[]; next?: string }
    entries.push(...page.entries)
    expect(page.entries.length).toBe(page.next === undefined ? Math.min(page.entries.length, limit) : limit)
    if (page.next === undefined) return entries
    cursor = `&cursor=${page.next}`
    await between()
  }
}

/** A Farebox whose accounts may owe, which `openBox` allows none to. */
async function openOwing(on: 'SQLite' | 'Postgres', clock: () => number): Promise<Farebox> {
  const database = on === 'Postgres' ? await createTestDatabase() : undefined
  const store: LedgerDriver = database
    ? postgres({ connectionString: database.url, clock })
    : sqlite({ filename: join(databaseFolder('statement'), 'credits.db'), clock })
  const box = createFarebox({ store, providers: [simulated()], clock })
  onTestFinished(async () => {
    await box.close()
    await database?.drop()
  })
  await box.migrate()
  return box
}

it.each(['SQLite', 'Postgres'] as const)(
  'a statement in pages of any size is the balance as it was told after each change, on %s',
  async (on) => {
    for (const seed of (process.env.SEEDS ?? '1,2').split(',').map(Number)) {
      let now = Date.UTC(2026, 10, 1)
      const clock = () => now
      const box = await openOwing(on, clock)
      const { accountId, key } = await openAccount(box, { balance: credits(3) })
      const api = await serveApi(box, key)
      const dice = diceFrom(seed)
      const made: Made = {
        count: 0,
        grants: [],
        usages: [],
        holds: [],
        now: clock,
        pass: (ms) => {
          now += ms
        },
      }
      // What the account was told after each change.
      const told = new Map<number, bigint>()
      const step = async () => {
        await change(box, accountId, dice, made)
        const { balance, items } = await box.ledger.latestStatement(accountId, { limit: 1 })
        told.set(items[0]?.sequence ?? 0, balance.balance)
        const grants = await box.ledger.grants(accountId)
        expect(grants.reduce((sum, { remaining }) => sum + remaining, 0n) - balance.debt, `seed ${seed}`).toBe(balance.balance)
      }
      for (let count = 0; count < 60; count++) await step()
      const newest = Math.max(...told.keys())
      for (const limit of [1, 2, 3, 7, newest - 1, newest, newest + 1, 1_000]) {
        const entries = await paged(api, limit, step)
        expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => entries.length - index))
        let balance = 0n
        for (const entry of entries.toReversed()) {
          balance += credits(entry.change.replace('-', '')) * (entry.change.startsWith('-') ? -1n : 1n)
          const shown = credits(entry.balance.replace('-', '')) * (entry.balance.startsWith('-') ? -1n : 1n)
          expect([entry.sequence, shown], `seed ${seed}, limit ${limit}`).toEqual([entry.sequence, balance])
          if (told.has(entry.sequence)) expect(shown, `seed ${seed}, limit ${limit}`).toBe(told.get(entry.sequence))
        }
      }
    }
  },
)
