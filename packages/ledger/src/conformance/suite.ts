import { type Credits, credits, microUnits } from '@farebox/core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { InvalidInputError } from '../errors.ts'
import type { OpenAccountInput, PlaceHoldInput, UsageInput } from '../inputs.ts'
import { type CallOptions, Ledger } from '../ledger.ts'
import type { ChargedOutcome, HeldOutcome } from '../outcomes.ts'
import type { HostTransaction, LedgerUnderTest, OpenLedger } from './ledger-under-test.ts'

/** 2026-07-15 12:00:30 UTC, a Wednesday: far from the edge of every budget window except the minute's. */
export const NOON = Date.UTC(2026, 6, 15, 12, 0, 30)

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** What the tests of one driver share: a ledger on one database, a clock they can set, and helpers to open accounts. */
export class Suite {
  readonly open: OpenLedger
  /** The store's clock. */
  now = NOON
  #underTest: LedgerUnderTest | undefined
  #ledger: Ledger | undefined
  #mine: string[] = []

  constructor(open: OpenLedger) {
    this.open = open
    beforeAll(async () => {
      this.#underTest = await open({ clock: () => this.now })
      this.#ledger = new Ledger(this.#underTest.driver)
      await this.#ledger.migrate()
    })
    beforeEach(() => {
      this.now = NOON
      this.#mine = []
    })
    // Whatever a test did, its accounts' books must add up.
    afterEach(async () => {
      for (const accountId of this.#mine) expect((await this.ledger.verify(accountId)).mismatches, accountId).toEqual([])
    })
    afterAll(async () => {
      await this.#underTest?.cleanup()
    })
  }

  get ledger(): Ledger {
    if (!this.#ledger) throw new Error('the ledger is opened by beforeAll')
    return this.#ledger
  }

  get underTest(): LedgerUnderTest {
    if (!this.#underTest) throw new Error('the driver is opened by beforeAll')
    return this.#underTest
  }

  sql(text: string): Promise<Record<string, unknown>[]> {
    return this.underTest.sql(text)
  }

  begin(): Promise<HostTransaction> {
    return this.underTest.begin()
  }

  /** A second ledger on the same driver, as another part of the host would make. */
  another(): Ledger {
    return new Ledger(this.underTest.driver)
  }

  /** Opens an account with a grant of `balance` credits. Its books are verified after the test. */
  async account(balance: number | Credits, options: Partial<OpenAccountInput> = {}): Promise<string> {
    const { accountId } = await this.ledger.openAccount({ name: 'Ada', ...options })
    this.#mine.push(accountId)
    const amount = typeof balance === 'number' ? credits(balance) : balance
    if (amount > 0n) await this.ledger.grant({ accountId, grantId: 'first', amount })
    return accountId
  }

  /** Verifies an account's books after the test. For accounts opened other than by {@link account}. */
  verifyAfterwards(accountId: string): void {
    if (!this.#mine.includes(accountId)) this.#mine.push(accountId)
  }

  /** Skips verifying an account's books after a test that breaks them on purpose. */
  expectBroken(accountId: string): void {
    this.#mine = this.#mine.filter((mine) => mine !== accountId)
  }

  /** Places a hold that must succeed. */
  async hold(
    accountId: string,
    amount: number,
    options: Partial<PlaceHoldInput> = {},
    call?: CallOptions<unknown>,
  ): Promise<string> {
    const outcome = await this.ledger.placeHold({ ...work, accountId, amount: credits(amount), ...options }, call)
    return held(outcome).holdId
  }

  /** Balance, held and available, in whole credits. */
  async money(accountId: string): Promise<{ balance: number; held: number; available: number }> {
    const { balance, held: heldAmount, available } = await this.ledger.balance(accountId)
    return { balance: whole(balance), held: whole(heldAmount), available: whole(available) }
  }
}

/** The service and provider of most calls. */
export const work = { service: 'gpt', provider: 'gpt-4o-mini' } as const

/** Usage rated at `rated` credits: a number of whole credits, or a decimal string. */
export function usage(rated: number | string, more: Partial<UsageInput> = {}): UsageInput {
  return { quantity: microUnits(1_000_000n), unit: 'tokens', rated: credits(rated), ...more }
}

/** Expects the hold to be placed, and returns its outcome. */
export function held(outcome: { status: string }): HeldOutcome {
  expect(outcome).toMatchObject({ status: 'held' })
  return outcome as HeldOutcome
}

/** Expects the settlement or charge to be made, and returns its outcome. */
export function charged(outcome: { status: string }): ChargedOutcome {
  expect(outcome).toMatchObject({ status: 'charged' })
  return outcome as ChargedOutcome
}

/** An amount in credits, which must be whole. */
export function whole(amount: Credits): number {
  expect(amount % 1_000_000n).toBe(0n)
  return Number(amount / 1_000_000n)
}

/** Expects `call` to be rejected because of `field`. */
export async function expectInvalid(field: string, call: () => Promise<unknown>): Promise<void> {
  const error = await call().then(
    (outcome) => expect.unreachable(`${field} was accepted: ${String(outcome)}`),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(InvalidInputError)
  expect((error as InvalidInputError).field).toBe(field)
}
