import { type Credits, microCredits, microUnits } from '@farebox/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Operation, Outcome, RatedUsage } from '../operations.ts'
import { budgetPeriods, overagePolicies } from '../rows.ts'
import { MemoryRows, START } from '../testing/memory-rows.ts'
import { decodeEntry } from './journal.ts'

const accountId = 'a'
const SERVICES = ['gpt', 'phone'] as const

const credits = (value: number): Credits => microCredits(BigInt(value))

function ratedUsage(rated: number, roundingStep = 10): RatedUsage {
  return {
    quantity: microUnits(7n),
    unit: 'tokens',
    rated: credits(rated),
    roundingStep: credits(roundingStep),
    certainty: 'exact',
  }
}

function operation<Verb extends Operation['verb']>(
  verb: Verb,
  idempotencyKey: string | null,
  input: Extract<Operation, { verb: Verb }>['input'],
): Operation {
  return { verb, accountId, idempotencyKey, input } as Operation
}

const small = fc.integer({ min: 1, max: 60 })
const id = fc.integer({ min: 0, max: 5 })
const service = fc.constantFrom(...SERVICES)
const policy = fc.constantFrom(...overagePolicies)
const span = fc.constantFrom(1, 10, 1_000, 61_000)
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 3 })

/** A step of a history: what is done, and how much later than the step before. Clocks sometimes go backwards. */
interface Step {
  wait: number
  make(index: number): Operation
}

const steps: fc.Arbitrary<Step['make']>[] = [
  fc
    .record({
      amount: small,
      priority: fc.integer({ min: 1, max: 3 }),
      begins: maybe(span),
      ends: maybe(span),
      services: maybe(service),
      carried: maybe(small),
    })
    .map(({ amount, priority, begins, ends, services, carried }) => (index: number) => {
      const effectiveAt = begins === undefined ? undefined : START + begins
      return operation('grant', `g${index}`, {
        grantId: `g${index}`,
        amount: credits(amount),
        source: index % 2 ? 'purchase' : 'promo',
        priority,
        effectiveAt,
        expiresAt: ends === undefined ? undefined : (effectiveAt ?? START) + ends * 3,
        services: services && [services],
        rollover:
          ends === undefined || carried === undefined ? undefined : { max: credits(carried), ttlMs: carried * 900, times: 2 },
      })
    }),
  fc.record({ hold: id, amount: small, service, overage: policy, ttlMs: span, workflow: maybe(id), user: maybe(id) }).map(
    ({ hold, amount, workflow, user, ttlMs, ...rest }) =>
      (index: number) =>
        operation('placeHold', `p${index}`, {
          ...rest,
          holdId: `h${hold}`,
          amount: credits(amount),
          provider: 'x',
          ttlMs,
          graceMs: ttlMs % 7,
          workflowId: workflow === undefined ? undefined : `w${workflow}`,
          userId: user === undefined ? undefined : `u${user % 2}`,
        }),
  ),
  fc.record({ hold: id, amount: maybe(fc.integer({ min: 0, max: 60 })), ttlMs: maybe(span) }).map(
    ({ hold, amount, ttlMs }) =>
      (index: number) =>
        operation('extendHold', `e${index}`, {
          holdId: index % 5 ? `h${hold}` : `reserve:w${hold}`,
          amount: amount === undefined ? undefined : credits(amount),
          ttlMs,
        }),
  ),
  fc.record({ hold: id, rated: fc.integer({ min: 0, max: 90 }), final: fc.boolean(), step: fc.constantFrom(1, 10) }).map(
    ({ hold, rated, final, step }) =>
      (index: number) =>
        operation('settleHold', `s${index}`, { holdId: `h${hold}`, usageId: `s${index}`, usage: ratedUsage(rated, step), final }),
  ),
  id.map((hold) => (index: number) => operation('releaseHold', `r${index}`, { holdId: `h${hold}` })),
  fc.record({ rated: fc.integer({ min: 0, max: 90 }), service, overage: policy, workflow: maybe(id), user: maybe(id) }).map(
    ({ rated, workflow, user, ...rest }) =>
      (index: number) =>
        operation('charge', `c${index}`, {
          ...rest,
          usageId: `u${index % 8}`,
          provider: 'x',
          usage: ratedUsage(rated),
          workflowId: workflow === undefined ? undefined : `w${workflow}`,
          userId: user === undefined ? undefined : `u${user % 2}`,
        }),
  ),
  fc.record({ workflow: id, parent: maybe(id), max: maybe(small), reserve: maybe(small), ttlMs: span }).map(
    ({ workflow, parent, max, reserve, ttlMs }) =>
      (index: number) =>
        operation('openWorkflow', `o${index}`, {
          workflowId: `w${workflow}`,
          name: `n${workflow % 2}`,
          parentId: parent === undefined ? undefined : `w${parent}`,
          maxCredits: max === undefined ? undefined : credits(max),
          reserve: reserve === undefined ? undefined : { amount: credits(Math.min(reserve, max ?? reserve)), ttlMs: ttlMs * 50 },
        }),
  ),
  id.map((workflow) => (index: number) => operation('closeWorkflow', `x${index}`, { workflowId: `w${workflow}` })),
  fc
    .record({
      period: fc.constantFrom(...budgetPeriods),
      limit: fc.integer({ min: 0, max: 200 }),
      user: maybe(id),
      service: maybe(service),
    })
    .map(
      ({ period, limit, user, service: only }) =>
        (index: number) =>
          operation('setBudget', `b${index}`, {
            budgetId: `${period}`,
            period,
            limit: credits(limit),
            userId: user === undefined ? undefined : `u${user % 2}`,
            service: only,
            timeZone: index % 3 ? 'UTC' : 'Asia/Kathmandu',
            alertsAtPercent: [50, 100],
            mode: index % 4 ? 'block' : 'warn',
          }),
    ),
  // Charges have few ids, so that many corrections find one.
  fc.record({ target: small, amount: maybe(small) }).map(
    ({ target, amount }) =>
      (index: number) =>
        operation('refund', `f${index}`, {
          usageId: `u${target % 8}`,
          correctionId: `f${index}`,
          amount: amount === undefined ? undefined : credits(amount),
        }),
  ),
  fc.record({ target: small, charge: fc.integer({ min: 0, max: 90 }), overage: policy }).map(
    ({ target, charge, overage }) =>
      (index: number) =>
        operation('adjust', `j${index}`, {
          usageId: `u${target % 8}`,
          correctionId: `j${index}`,
          charge: credits(charge),
          overage,
        }),
  ),
  small.map((back) => (index: number) => {
    const grantId = back % 5 ? `g${index - (back % 12)}` : 'first'
    return operation(back % 3 ? 'revokeGrant' : 'chargeback', `k${index}`, { grantId })
  }),
  fc
    .constantFrom(false, false, false, true)
    .map((isFrozen) => (index: number) => operation('freezeAccount', `z${index}`, { isFrozen })),
  fc.constant(() => operation('advance', null, {})),
]

const history: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ wait: fc.constantFrom(0, 0, 0, 1, 5, 700, 30_000, -400), make: fc.oneof(...steps) }),
  { minLength: 5, maxLength: 40 },
)

/** A step of a history of charges of few ids, and of corrections of them. */
const correction: fc.Arbitrary<Step> = fc
  .record({
    wait: fc.constantFrom(0, 0, 5, 700, 30_000),
    what: fc.constantFrom('grant', 'charge', 'charge', 'refund', 'refund', 'adjust', 'revokeGrant'),
    target: fc.integer({ min: 0, max: 3 }),
    amount: small,
    overage: policy,
    isWhole: fc.boolean(),
  })
  .map(({ wait, what, target, amount, overage, isWhole }) => ({
    wait,
    make(index: number) {
      const usageId = `u${target}`
      const key = `${what}${index}`
      switch (what) {
        case 'grant': {
          const expiresAt = isWhole ? undefined : START + amount * 2_000
          const more = { source: 'promo', priority: target, expiresAt } as const
          return operation('grant', key, { grantId: `g${target}`, amount: credits(amount), ...more })
        }
        case 'charge':
          return operation('charge', key, { usageId, service: 'gpt', provider: 'x', overage, usage: ratedUsage(amount) })
        case 'refund':
          return operation('refund', key, { usageId, correctionId: key, amount: isWhole ? undefined : credits(amount) })
        case 'adjust':
          return operation('adjust', key, { usageId, correctionId: key, charge: credits(amount), overage })
        default:
          return operation('revokeGrant', key, { grantId: isWhole ? 'first' : `g${target}` })
      }
    },
  }))

/** Grants come first in most histories, so that there is something to spend. */
function open(creditLimit: number, debtLimit: number, balance: number): MemoryRows {
  const rows = new MemoryRows()
  const limits = { creditLimit: credits(creditLimit), debtLimit: credits(debtLimit) }
  rows.commit([operation('openAccount', 'open', { name: 'Ada', ...limits })])
  const grant = { grantId: 'first', amount: credits(balance), source: 'purchase', priority: 2 } as const
  if (balance > 0) rows.commit([operation('grant', 'first', grant)])
  return rows
}

const limits = fc.record({
  creditLimit: fc.constantFrom(0, 0, 15),
  debtLimit: fc.constantFrom(0, 20),
  balance: fc.constantFrom(0, 50, 200),
})

function expectSound(rows: MemoryRows): void {
  const { account } = rows
  const grants = rows.all('grants')
  const holds = rows.all('holds')
  const total = (amounts: bigint[]) => amounts.reduce((sum, amount) => sum + amount, 0n)
  const entries = rows.all('journal').map(decodeEntry)
  for (const { sequence, postings } of entries) {
    expect(total(postings.map(([, amount]) => amount)), `entry ${sequence}`).toBe(0n)
  }
  const begun = grants.filter(({ state }) => state !== 'pending')
  expect(account.posted).toBe(total(begun.map(({ remaining }) => remaining)) - account.debt)
  expect(account.held).toBe(total(holds.filter(({ state }) => state === 'open').map(({ remaining }) => remaining)))
  // Only a payment that was reversed takes an account further.
  const reversed = entries
    .filter(({ verb }) => verb === 'chargeback')
    .map(({ outcome }) => outcome as { owed: string; held: string })
  const owed = total(reversed.map((outcome) => BigInt(outcome.owed) + BigInt(outcome.held)))
  const allowed = account.creditLimit + account.debtLimit + owed
  expect(account.posted - account.held + allowed).toBeGreaterThanOrEqual(0n)
  expect(account.debt).toBeLessThanOrEqual(allowed)
  for (const { pinned, remaining, amount } of grants) {
    expect(pinned >= 0n && pinned <= remaining && remaining <= amount).toBe(true)
  }
  for (const hold of holds) if (hold.state !== 'open') expect(hold.remaining).toBe(0n)
  for (const { used } of rows.all('budgets')) expect(used).toBeGreaterThanOrEqual(0n)
  for (const { spent, held, maxCredits } of rows.all('workflows')) {
    expect(held).toBeGreaterThanOrEqual(0n)
    if (maxCredits !== null) expect(spent + held).toBeLessThanOrEqual(maxCredits)
  }
  expect(rows.verify()).toEqual([])
}

describe('whatever is done to an account, in whatever order', () => {
  test('corrections give back no more than was taken, and leave balanced books', () => {
    fc.assert(
      fc.property(
        limits,
        fc.array(correction, { minLength: 8, maxLength: 40 }),
        ({ creditLimit, debtLimit, balance }, chosen) => {
          const rows = open(creditLimit, debtLimit, balance)
          for (const [index, { wait, make }] of chosen.entries()) {
            rows.now += wait
            rows.commit([make(index)])
            expectSound(rows)
            expect(rows.verify()).toEqual([])
            const records = rows.all('usage_records')
            for (const { usageId } of records.filter(({ corrects }) => corrects === null)) {
              const all = records.filter((record) => record.usageId === usageId || record.corrects === usageId)
              expect(all.reduce((sum, { charged }) => sum + charged, 0n)).toBeGreaterThanOrEqual(0n)
              expect(all.reduce((sum, { shortfall }) => sum + shortfall, 0n)).toBeGreaterThanOrEqual(0n)
            }
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('its books balance after every step, and it never owes more than its limits', () => {
    fc.assert(
      fc.property(limits, history, ({ creditLimit, debtLimit, balance }, chosen) => {
        const rows = open(creditLimit, debtLimit, balance)
        for (const [index, { wait, make }] of chosen.entries()) {
          rows.now += wait
          rows.commit([make(index)])
          expectSound(rows)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('doing any of it again changes nothing and answers the same', () => {
    fc.assert(
      fc.property(limits, history, ({ creditLimit, debtLimit, balance }, chosen) => {
        const rows = open(creditLimit, debtLimit, balance)
        const done: { again: Operation; outcome: Outcome }[] = []
        for (const [index, { wait, make }] of chosen.entries()) {
          rows.now += wait
          const again = make(index)
          const [outcome] = rows.commit([again])
          if (outcome && 'replayed' in outcome && again.idempotencyKey !== null) done.push({ again, outcome })
        }
        const before = rows.dump()
        for (const { again, outcome } of done) expect(rows.commit([again])).toEqual([{ ...outcome, replayed: true }])
        expect(rows.commit(done.map(({ again }) => again))).toEqual(done.map(({ outcome }) => ({ ...outcome, replayed: true })))
        expect(rows.dump()).toEqual(before)
      }),
      { numRuns: 200 },
    )
  })

  test('a batch is the same as its operations one by one', () => {
    fc.assert(
      fc.property(limits, history, fc.array(fc.integer({ min: 1, max: 12 })), (limit, chosen, sizes) => {
        const one = open(limit.creditLimit, limit.debtLimit, limit.balance)
        const many = open(limit.creditLimit, limit.debtLimit, limit.balance)
        const operations = chosen.map(({ make }, index) => make(index))
        for (let at = 0, turn = 0; at < operations.length; turn++) {
          const batch = operations.slice(at, at + (sizes[turn % Math.max(sizes.length, 1)] ?? 40))
          at += batch.length
          const wait = chosen[at - 1]?.wait ?? 0
          one.now += wait
          many.now += wait
          expect(many.commit(batch)).toEqual(batch.flatMap((single) => one.commit([single])))
          expect(many.dump()).toEqual(one.dump())
        }
      }),
      { numRuns: 200 },
    )
  })

  test('charged and shortfall are the rated price, rounded up once for all slices of a hold', () => {
    fc.assert(
      fc.property(
        limits,
        policy,
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 8 }),
        (limit, overage, slices) => {
          const rows = open(limit.creditLimit, limit.debtLimit, 200)
          const hold = { holdId: 'h', amount: credits(20), service: 'gpt', provider: 'x', ttlMs: 1_000, graceMs: 0, overage }
          rows.commit([operation('placeHold', 'p', hold)])
          let billed = 0n
          let rated = 0n
          for (const [index, slice] of slices.entries()) {
            const final = index === slices.length - 1
            const [outcome] = rows.commit([
              operation('settleHold', `s${index}`, { holdId: 'h', usageId: `s${index}`, usage: ratedUsage(slice), final }),
            ])
            if (outcome?.status !== 'charged') continue
            billed += outcome.charged + outcome.shortfall
            rated += BigInt(slice)
          }
          expect(billed).toBe(((rated + 9n) / 10n) * 10n)
        },
      ),
    )
  })
})

/** An account as one would explain it on a napkin: no lots, no journal, no rows. */
class Napkin {
  balance = 0n
  readonly #creditLimit: bigint
  readonly #debtLimit: bigint
  readonly #holds = new Map<
    string,
    { left: bigint; rated: bigint; billed: bigint; state: string; due: number; overage: string }
  >()

  constructor(creditLimit: number, debtLimit: number) {
    this.#creditLimit = BigInt(creditLimit)
    this.#debtLimit = BigInt(debtLimit)
  }

  get held(): bigint {
    return [...this.#holds.values()].reduce((sum, { left }) => sum + left, 0n)
  }

  #spendable(overage = 'cap'): bigint {
    const most = this.balance - this.held + this.#creditLimit + (overage === 'debt' ? this.#debtLimit : 0n)
    return most > 0n ? most : 0n
  }

  do({ verb, input }: Operation, now: number): object {
    for (const hold of this.#holds.values()) if (hold.state === 'open' && hold.due <= now) end(hold, 'expired')
    switch (verb) {
      case 'grant':
        this.balance += input.amount
        return { status: 'granted' }
      case 'placeHold': {
        if (this.#holds.has(input.holdId)) return { code: 'ALREADY_EXISTS' }
        if (input.amount > this.#spendable()) return { reason: 'insufficient_balance', available: this.#spendable() }
        const { amount: left, overage } = input
        this.#holds.set(input.holdId, {
          left,
          rated: 0n,
          billed: 0n,
          state: 'open',
          due: now + input.ttlMs + input.graceMs,
          overage,
        })
        return { status: 'held', affordable: this.#spendable() }
      }
      case 'releaseHold': {
        const hold = this.#holds.get(input.holdId)
        if (!hold) return { code: 'HOLD_NOT_FOUND' }
        if (hold.state !== 'open') return { reason: 'hold_not_open', state: hold.state }
        const amount = hold.left
        end(hold, 'released')
        return { status: 'released', amount }
      }
      case 'settleHold': {
        const hold = this.#holds.get(input.holdId)
        if (!hold) return { code: 'HOLD_NOT_FOUND' }
        if (hold.state === 'settled') return { reason: 'hold_not_open', state: 'settled' }
        const due = dueOn(hold.rated + input.usage.rated, hold.billed, input.usage.roundingStep ?? 1n)
        const excess = due > hold.left ? due - hold.left : 0n
        const spendable = this.#spendable(hold.overage)
        if (hold.overage === 'reject' && excess > spendable) return { reason: 'insufficient_balance', available: spendable }
        const shortfall = excess > spendable ? excess - spendable : 0n
        const late = hold.state !== 'open'
        hold.left -= due - excess
        hold.rated += input.usage.rated
        hold.billed += due
        this.balance -= due - shortfall
        if (input.final && !late) end(hold, 'settled')
        return {
          status: 'charged',
          charged: due - shortfall,
          shortfall,
          balance: this.balance,
          available: this.balance - this.held,
          late,
        }
      }
      case 'charge': {
        const due = dueOn(input.usage.rated, 0n, input.usage.roundingStep ?? 1n)
        const spendable = this.#spendable(input.overage)
        if (input.overage === 'reject' && due > spendable) return { reason: 'insufficient_balance', available: spendable }
        const shortfall = due > spendable ? due - spendable : 0n
        this.balance -= due - shortfall
        return {
          status: 'charged',
          charged: due - shortfall,
          shortfall,
          balance: this.balance,
          available: this.balance - this.held,
        }
      }
      default:
        return {}
    }
  }
}

function end(hold: { left: bigint; state: string }, state: string): void {
  hold.left = 0n
  hold.state = state
}

function dueOn(rated: bigint, billed: bigint, step: bigint): bigint {
  const due = ((rated + step - 1n) / step) * step - billed
  return due > 0n ? due : 0n
}

test('grants, holds, settlements and charges do what a napkin says', () => {
  const simple = fc.oneof(
    small.map(
      (amount) => (index: number) =>
        operation('grant', `g${index}`, {
          grantId: `g${index}`,
          amount: credits(amount),
          source: 'purchase',
          priority: index % 3,
        }),
    ),
    fc.record({ hold: id, amount: small, overage: policy, ttlMs: span }).map(
      ({ hold, amount, ...rest }) =>
        (index: number) =>
          operation('placeHold', `p${index}`, {
            ...rest,
            holdId: `h${hold}`,
            amount: credits(amount),
            service: 'gpt',
            provider: 'x',
            graceMs: 5,
          }),
    ),
    steps[3] as (typeof steps)[number],
    steps[4] as (typeof steps)[number],
    fc.record({ rated: fc.integer({ min: 0, max: 90 }), overage: policy }).map(
      ({ rated, overage }) =>
        (index: number) =>
          operation('charge', `c${index}`, {
            overage,
            usageId: `c${index}`,
            service: 'gpt',
            provider: 'x',
            usage: ratedUsage(rated),
          }),
    ),
  )
  const simpleHistory = fc.array(fc.record({ wait: fc.constantFrom(0, 0, 1, 5, 700), make: simple }), {
    minLength: 5,
    maxLength: 60,
  })
  fc.assert(
    fc.property(limits, simpleHistory, ({ creditLimit, debtLimit, balance }, chosen) => {
      const rows = open(creditLimit, debtLimit, balance)
      const napkin = new Napkin(creditLimit, debtLimit)
      napkin.balance = BigInt(balance)
      for (const [index, { wait, make }] of chosen.entries()) {
        rows.now += wait
        const next = make(index)
        expect(rows.commit([next])[0]).toMatchObject(napkin.do(next, rows.now))
        expect({ balance: rows.account.posted, held: rows.account.held }).toEqual({ balance: napkin.balance, held: napkin.held })
      }
    }),
    { numRuns: 500 },
  )
})
