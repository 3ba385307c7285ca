import { join } from 'node:path'
import { type Credits, credits, microCredits, quantity } from '@farebox/core'
import type { LedgerDriver, UsageInput } from '@farebox/ledger'
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

const work = { service: 'gpt', provider: 'gpt-4o' } as const

function usageOf(rated: Credits): UsageInput {
  return { quantity: quantity(1), unit: 'tokens', rated, roundingStep: microCredits(1n) }
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
      return ledger.charge({ ...work, accountId, usageId: id, usage: usage() })
    case 2: {
      const hold = await ledger.placeHold({
        ...work,
        accountId,
        holdId: id,
        amount: amount(),
        overage: dice() < 0.5 ? 'debt' : 'cap',
      })
      if (hold.status === 'held') made.holds.push(id)
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
    if (page.next === undefined) return entries
    expect(page.entries).toHaveLength(limit)
    cursor = `&cursor=${page.next}`
    await between()
  }
}

function signed(amount: string): bigint {
  return amount.startsWith('-') ? -credits(amount.slice(1)) : credits(amount)
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
    let now = Date.UTC(2026, 10, 1)
    const clock = () => now
    const pass = (ms: number) => {
      now += ms
    }
    const box = await openOwing(on, clock)
    const { accountId, key } = await openAccount(box, { balance: credits(3) })
    const api = await serveApi(box, key)
    // Owes a credit for a while, so that some pages end below zero.
    await box.ledger.grant({ accountId, grantId: 'owed', amount: credits(1) })
    await box.ledger.charge({ ...work, accountId, usage: usageOf(credits(4)) })
    await box.ledger.chargeback({ accountId, grantId: 'owed' })
    const dice = diceFrom(1)
    const made: Made = { count: 0, grants: [], usages: [], holds: [], now: clock, pass }
    // What the account was told after each change.
    const told = new Map<number, bigint>()
    const step = async () => {
      await change(box, accountId, dice, made)
      const { balance, items } = await box.ledger.latestStatement(accountId, { limit: 1 })
      told.set(items[0]?.sequence ?? 0, balance.balance)
      const grants = await box.ledger.grants(accountId)
      expect(grants.reduce((sum, { remaining }) => sum + remaining, 0n) - balance.debt).toBe(balance.balance)
    }
    for (let count = 0; count < 20; count++) await step()
    for (const limit of [1, 7, 1_000]) {
      const entries = await paged(api, limit, step)
      expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => entries.length - index))
      const shown = entries.toReversed().map(({ sequence, balance }) => [sequence, signed(balance)] as const)
      let balance = 0n
      const added = entries.toReversed().map(({ sequence, change }) => {
        balance += signed(change)
        return [sequence, balance] as const
      })
      expect(shown, `pages of ${limit}`).toEqual(added)
      expect(shown.some(([, amount]) => amount < 0n)).toBe(true)
      for (const [sequence, amount] of shown) expect(amount).toBe(told.get(sequence) ?? amount)
    }
  },
)
