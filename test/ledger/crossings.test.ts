import { type Credits, credits, microUnits } from '@farebox/core'
import { Ledger, type LedgerEvent } from '@farebox/ledger'
import type { LedgerUnderTest, OpenLedger } from '@farebox/ledger/conformance'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'

const drivers: [string, OpenLedger, { numRuns: number }][] = [
  ['SQLite', openSqlite, { numRuns: 300 }],
  ['Postgres', openPostgres, { numRuns: 150 }],
]
const START = Date.UTC(2026, 6, 15, 12)

const kinds = [
  ...['charge', 'charge', 'charge', 'hold', 'settle', 'settle', 'refund', 'refund', 'adjust', 'grant', 'begin', 'expire'],
  ...[
    'answer',
    'answer',
    'answerLater',
    'answerLater',
    'cancel',
    'revoke',
    'revoke',
    'chargeback',
    'alerts',
    'alerts',
    'freeze',
    'look',
  ],
] as const
type Kind = (typeof kinds)[number]
type Step = { kind: Kind; amount: number; pick: number }

/** What is done at once, and how much later. */
const bursts = fc.array(
  fc.record({
    waitMs: fc.constantFrom(0, 1, 5, 20),
    steps: fc.array(
      fc.record({ kind: fc.constantFrom(...kinds), amount: fc.integer({ min: 1, max: 40 }), pick: fc.nat(1_000) }),
      { minLength: 1, maxLength: 8 },
    ),
  }),
  { minLength: 5, maxLength: 14 },
)

describe.each(drivers)('crossings on %s', (_, open, parameters) => {
  let now = START
  let runs = 0
  let underTest: LedgerUnderTest
  let ledger: Ledger
  beforeAll(async () => {
    underTest = await open({ clock: () => now })
    ledger = new Ledger(underTest.driver)
    await ledger.migrate()
  })
  afterAll(() => underTest.cleanup())

  test('are told once each, as the list of balances in time says, whatever is done at once', async () => {
    let told = 0
    await fc.assert(
      fc.asyncProperty(bursts, async (history) => {
        const account = new Driven(ledger, `run${runs++}`)
        await account.open()
        for (const { waitMs, steps } of history) {
          now += waitMs
          await account.learn()
          await Promise.all(steps.map((step) => account.take(step, now)))
        }
        await ledger.balance(account.accountId)
        const events = await ledger.events({ accountId: account.accountId }, { limit: 1_000 })
        const crossings = events.filter(({ type }) => type !== 'hold_expired')
        expect(crossings.map(wordsOf).toSorted()).toEqual((await account.expected()).toSorted())
        expect((await ledger.verify(account.accountId)).mismatches).toEqual([])
        told += crossings.length
      }),
      parameters,
    )
    expect(told).toBeGreaterThan(parameters.numRuns)
  })
})

const wordsOf = ({ type, createdAt, data }: LedgerEvent) => {
  const { balance, threshold } = data as { balance: Credits; threshold: Credits }
  return `${type} at ${createdAt - START}: ${balance} < ${threshold}`
}

/** One account, and what was asked of it by idempotency key. */
class Driven {
  readonly accountId: string
  readonly #ledger: Ledger
  readonly #asked = new Map<
    string,
    { balanceLow?: Credits; topUp?: { at: Credits; amount: Credits }; topUpId?: string; grantId?: string }
  >()
  readonly #holds: string[] = []
  readonly #usage: string[] = []
  readonly #grants: string[] = []
  /** Those of them that begin later and answer a top-up. */
  readonly #later: string[] = []
  #topUpIds: string[] = []
  #ids = 0

  constructor(ledger: Ledger, accountId: string) {
    this.#ledger = ledger
    this.accountId = accountId
  }

  async open(): Promise<void> {
    const { accountId } = this
    await this.#ledger.openAccount({ accountId, name: accountId, creditLimit: credits(15) })
    await this.#ledger.grant({ accountId, amount: credits(60) })
  }

  /** Learns which top-ups were requested. */
  async learn(): Promise<void> {
    const events = await this.#ledger.events({ accountId: this.accountId }, { limit: 1_000 })
    this.#topUpIds = events.filter(({ type }) => type === 'top_up_needed').map(({ id }) => id)
  }

  /** A step that the ledger refuses, or that names what is not there, is none. */
  async take(step: Step, now: number): Promise<void> {
    await this.#take(step, now).catch((error: { code?: string }) => {
      const isExpected = /^(INVALID_INPUT|ALREADY_EXISTS|\w+_NOT_FOUND|HOLD_\w+)$/.test(String(error.code))
      if (!isExpected) throw error
    })
  }

  async #take({ kind, amount, pick }: Step, now: number): Promise<void> {
    const { accountId } = this
    const id = `${kind}${this.#ids++}`
    const call = { accountId, idempotencyKey: id }
    const usage = { quantity: microUnits(1n), unit: 'tokens' as const, rated: credits(amount) }
    const work = { service: 'gpt', provider: 'x' } as const
    const of = (list: readonly string[]) => (pick % 2 ? list.at(-1) : list[pick % Math.max(1, list.length)]) ?? 'none'
    switch (kind) {
      case 'charge':
        await this.#ledger.charge({ ...call, ...work, usageId: id, usage, overage: pick % 3 ? 'cap' : 'debt' })
        this.#usage.push(id)
        return
      case 'hold':
        this.#holds.push(id)
        await this.#ledger.placeHold({ ...call, ...work, holdId: id, amount: credits(amount), ttlMs: 10 })
        return
      case 'settle':
        this.#usage.push(id)
        await this.#ledger.settleHold({ ...call, holdId: of(this.#holds), usageId: id, usage, final: pick % 2 === 0 })
        return
      case 'refund':
        await this.#ledger.refund({ ...call, usageId: of(this.#usage), ...(pick % 2 && { amount: credits(1) }), reason: 'x' })
        return
      case 'adjust':
        await this.#ledger.adjust({ ...call, usageId: of(this.#usage), charge: credits(amount), reason: 'x' })
        return
      case 'grant':
      case 'begin':
      case 'expire':
      case 'answer':
      case 'answerLater': {
        this.#grants.push(id)
        if (kind === 'answerLater') this.#later.push(id)
        const topUpId = kind.startsWith('answer') ? of(this.#topUpIds.slice(0, 1)) : undefined
        this.#asked.set(id, { topUpId, grantId: id })
        const effectiveAt = kind === 'begin' || kind === 'answerLater' ? now + 15 : undefined
        const expiresAt = kind === 'expire' || pick % 4 === 0 ? now + 30 : undefined
        await this.#ledger.grant({ ...call, grantId: id, amount: credits(amount), topUpId, effectiveAt, expiresAt })
        return
      }
      case 'cancel':
        await this.#ledger.cancelTopUp({ ...call, topUpId: of(this.#topUpIds.slice(0, 1)), reason: 'declined' })
        return
      case 'revoke': {
        const grantId = of(pick % 3 ? this.#later : this.#grants)
        this.#asked.set(id, { grantId })
        await this.#ledger.revokeGrant({ ...call, grantId })
        return
      }
      case 'chargeback':
        this.#asked.set(id, { grantId: of(this.#grants) })
        await this.#ledger.chargeback({ ...call, grantId: of(this.#grants), reason: 'x' })
        return
      case 'alerts': {
        const balanceLow = pick % 5 ? credits(amount) : undefined
        const topUp = pick % 4 ? { at: credits((amount * 7) % 40), amount: credits(10) } : undefined
        this.#asked.set(id, { balanceLow, topUp })
        await this.#ledger.setAlerts({ ...call, balanceLow, topUp })
        return
      }
      case 'freeze':
        await this.#ledger.freezeAccount({ ...call, isFrozen: pick % 2 === 0, reason: 'x' })
        return
      case 'look':
        await this.#ledger.balance(accountId)
    }
  }

  /** The crossings that the journal's balances imply. What fell due together is one step. */
  async expected(): Promise<string[]> {
    const { items } = await this.#ledger.statement(this.accountId, { limit: 1_000 })
    const crossings: string[] = []
    let balance = 0n
    let line: Credits | undefined
    let topUp: { at: Credits; amount: Credits } | undefined
    let awaited: { grantId?: string } | undefined
    const byItself: string[] = ['expireHold', 'beginGrant', 'expireGrant']
    const entries = items.toReversed()
    for (let index = 0; index < entries.length; ) {
      const entry = entries[index]
      if (!entry) break
      const before = balance
      const isByItself = byItself.includes(entry.verb)
      const group = [entry]
      while (
        isByItself &&
        byItself.includes(entries[index + group.length]?.verb ?? '') &&
        entries[index + group.length]?.at === entry.at
      )
        group.push(entries[index + group.length] as typeof entry)
      index += group.length
      for (const { postings } of group)
        for (const [bucket, amount] of postings) if (bucket === 'available' || bucket === 'held') balance += amount
      const say = (type: string, threshold: bigint) => crossings.push(`${type} at ${entry.at - START}: ${balance} < ${threshold}`)
      const need = () => {
        if (!topUp || awaited) return
        say('top_up_needed', topUp.at)
        awaited = {}
      }
      const { verb } = entry
      const asked = this.#asked.get(entry.idempotencyKey ?? '') ?? {}
      if (verb === 'setAlerts') {
        const isNewLine = asked.balanceLow !== line
        const isNewTopUp = asked.topUp?.at !== topUp?.at
        ;({ balanceLow: line, topUp } = asked)
        if (line !== undefined && isNewLine && balance < line) say('balance_low', line)
        if (topUp && isNewTopUp && balance < topUp.at) need()
        continue
      }
      if (verb === 'cancelTopUp') awaited = undefined
      if (verb === 'grant' && asked.topUpId) {
        expect(awaited, 'a top-up that nobody awaits is answered by no grant').toBeDefined()
        const isLater = !entry.postings.some(([bucket]) => bucket === 'available')
        awaited = isLater ? { grantId: asked.grantId } : undefined
        if (!isLater && topUp && balance < topUp.at) need()
      }
      const begun = group
        .filter((one) => one.verb === 'beginGrant')
        .map(({ outcome }) => (outcome as { grantId: string }).grantId)
      if (awaited?.grantId !== undefined && begun.includes(awaited.grantId)) {
        awaited = undefined
        if (topUp && balance < topUp.at) need()
      }
      if (
        (verb === 'revokeGrant' || verb === 'chargeback') &&
        awaited?.grantId !== undefined &&
        awaited.grantId === asked.grantId
      )
        awaited = undefined
      if (line !== undefined && before >= line && balance < line) say('balance_low', line)
      if (topUp && before >= topUp.at && balance < topUp.at) need()
    }
    expect((await this.#ledger.balance(this.accountId)).balance).toBe(balance)
    return crossings
  }
}
