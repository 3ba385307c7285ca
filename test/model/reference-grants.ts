import { CREDITS_MAX, type Credits, microCredits } from '@farebox/core'
import type { Operations, Outcome } from '../../packages/ledger/src/operations.ts'
import type { EventType } from '../../packages/ledger/src/rows.ts'
import {
  byBurnOrder,
  CREDIT_LINE,
  exists,
  type Grant,
  type Hold,
  least,
  missing,
  notAwaited,
  outOfRange,
  type Part,
  past,
  positive,
  sum,
} from './reference-things.ts'

/** An event, as far as it can be foreseen. */
export type Told = { type: EventType } & Record<string, string | number | undefined>

/** What an account was given, what of it is set aside, and what it owes. */
export abstract class ReferenceGrants {
  readonly grants: Grant[] = []
  readonly holds: Hold[] = []
  /** Everything that its owner was told, each once. */
  readonly told: Told[] = []
  /** Charged beyond all grants. */
  debt = 0n
  /** What was asked for because the balance was low, and has not come. Only the ledger knows its id, and tells it later. */
  protected topUp: { id?: string; grantId?: string } | undefined
  protected readonly creditLimit: bigint
  protected readonly debtLimit: bigint
  protected now: number
  /** When something last happened here: before that time it is never again. A refusal is nothing that happened. */
  changedAt: number

  constructor({ creditLimit, debtLimit }: Operations['openAccount'], now: number) {
    this.creditLimit = creditLimit
    this.debtLimit = debtLimit
    this.now = now
    this.changedAt = now
  }

  get balance(): Credits {
    return microCredits(sum(this.grants.filter(({ state }) => state !== 'pending').map(({ left }) => left)) - this.debt)
  }

  get held(): Credits {
    return microCredits(sum(this.holds.map(({ left }) => left)))
  }

  get available(): Credits {
    return microCredits(this.balance - this.held)
  }

  /** The next grant that begins or ends by now, and when. */
  protected get nextGrant(): { grant: Grant; at: number } | undefined {
    const due = this.grants.toSorted(byBurnOrder).flatMap((grant) => {
      const { state, begins, ends, left } = grant
      // The end of a grant that is spent is no event.
      const at = state === 'pending' ? begins : state === 'active' && left > 0n ? ends : undefined
      return at !== undefined && at <= this.now ? [{ grant, at }] : []
    })
    return due.toSorted((a, b) => a.at - b.at)[0]
  }

  /** A grant begins, or ends; what ends may go on as another. */
  protected letGrantHappen(grant: Grant): void {
    if (grant.state === 'active') this.#expire(grant)
    else {
      grant.state = 'active'
      this.changedAt = this.now
      this.#repay(grant)
    }
  }

  #expire(grant: Grant): void {
    const { rollover, ends = this.now } = grant
    this.changedAt = this.now
    this.#repay(grant)
    const gone = this.#end(grant)
    const carried = rollover ? least(gone, rollover.max ?? gone) : 0n
    if (!rollover || carried === 0n) return
    this.grants.push({
      ...grant,
      grantId: `rollover:${grant.grantId}`,
      amount: carried,
      left: carried,
      gone: 0n,
      begins: ends,
      ends: ends + rollover.ttlMs,
      rollover: rollover.times > 1 ? { ...rollover, times: rollover.times - 1 } : undefined,
      madeAt: this.now,
      state: 'active',
    })
  }

  /** Whatever no hold has set aside is gone. */
  #end(grant: Grant): bigint {
    const gone = grant.left - this.pinned(grant.grantId)
    grant.left -= gone
    grant.gone += gone
    grant.state = 'ended'
    return gone
  }

  #repay(grant: Grant): Credits {
    if (grant.services) return microCredits(0n)
    const repaid = least(this.debt, grant.left - this.pinned(grant.grantId))
    grant.left -= repaid
    this.debt -= repaid
    return repaid
  }

  protected grant(input: Operations['grant']): Outcome {
    const { grantId, amount, effectiveAt = this.now, expiresAt, rollover, topUpId } = input
    if (this.grants.some((grant) => grant.grantId === grantId)) return exists('grant', grantId)
    if (this.wouldOverflow(amount)) return outOfRange('amount')
    if (expiresAt !== undefined && expiresAt <= this.now) return past(expiresAt)
    if (topUpId !== undefined) {
      if (this.topUp?.id !== topUpId || this.topUp.grantId !== undefined) return notAwaited(topUpId)
      this.topUp.grantId = grantId
    }
    const grant: Grant = {
      grantId,
      amount,
      left: amount,
      gone: 0n,
      priority: input.priority,
      isPaid: input.source === 'purchase',
      services: input.services,
      begins: effectiveAt,
      ends: expiresAt,
      // What is carried over lives as long as what it comes from, unless it is told otherwise.
      rollover: rollover && { ...rollover, ttlMs: rollover.ttlMs ?? (expiresAt ?? this.now) - effectiveAt },
      madeAt: this.now,
      state: effectiveAt > this.now ? 'pending' : 'active',
      isChargedBack: false,
    }
    this.grants.push(grant)
    const repaid = grant.state === 'active' ? this.#repay(grant) : microCredits(0n)
    return { status: 'granted', grantId, amount, repaid, balance: this.balance, available: this.available, replayed: false }
  }

  /** Whether so much more is too much, once all that is pending has begun. */
  protected wouldOverflow(amount: bigint): boolean {
    const coming = sum(this.grants.filter(({ state }) => state === 'pending').map(({ left }) => left))
    return this.balance + coming + amount > CREDITS_MAX
  }

  protected revokeGrant({ grantId }: Operations['revokeGrant']): Outcome {
    const grant = this.grants.find((each) => each.grantId === grantId)
    if (!grant) return missing('GRANT_NOT_FOUND', grantId)
    // One that is spent stays so: there is nothing to take back.
    const isOpen = grant.state !== 'ended' && grant.left > 0n
    this.#giveUpTopUp(grant)
    const amount = microCredits(isOpen ? this.#end(grant) : 0n)
    return { status: 'revoked', grantId, amount, balance: this.balance, replayed: false }
  }

  /** Whether all of a grant was spent. It may come back, so that nobody can say yet what its revocation takes. */
  protected isSpent(grantId: string): boolean {
    return this.grants.some((grant) => grant.grantId === grantId && grant.state !== 'ended' && grant.left === 0n)
  }

  /** The whole of a grant goes, with what it was carried over to; what was spent of it is owed. */
  protected chargeback({ grantId }: Operations['chargeback']): Outcome {
    const first = this.grants.find((each) => each.grantId === grantId)
    if (!first) return missing('GRANT_NOT_FOUND', grantId)
    const sums = { recovered: 0n, held: 0n, owed: 0n }
    for (let grant: Grant | undefined = first; grant; grant = this.#carriedTo(grant)) {
      if (grant.isChargedBack) continue
      this.#giveUpTopUp(grant)
      const spent = grant.state === 'pending' ? 0n : grant.amount - grant.left - grant.gone
      sums.recovered += grant.left
      sums.held += this.pinned(grant.grantId)
      sums.owed += spent
      this.debt += spent
      for (const pin of this.holds.flatMap(({ pins }) => pins)) if (pin.grantId === grant.grantId) pin.grantId = CREDIT_LINE
      grant.gone += grant.left
      grant.left = 0n
      grant.state = 'ended'
      grant.isChargedBack = true
    }
    const [recovered, held, owed] = [microCredits(sums.recovered), microCredits(sums.held), microCredits(sums.owed)]
    return { status: 'charged_back', grantId, recovered, held, owed, balance: this.balance, replayed: false }
  }

  /** A top-up does not come whose grant is taken back before it has begun. */
  #giveUpTopUp({ grantId, state }: Grant): void {
    if (state === 'pending' && this.topUp?.grantId === grantId) this.topUp = undefined
  }

  #carriedTo({ grantId }: Grant): Grant | undefined {
    return this.grants.find((each) => each.grantId === `rollover:${grantId}`)
  }

  protected pinned(grantId: string): bigint {
    return sum(this.holds.flatMap(({ pins }) => pins.filter((pin) => pin.grantId === grantId)).map(({ amount }) => amount))
  }

  /** The parts of grants, and at last of the credit line, that pay for `amount`. */
  protected partsFor(service: string, amount: bigint): Part[] {
    const parts: Part[] = []
    let open = amount
    for (const { grantId, left } of this.#spendable(service)) {
      const part = least(open, left - this.pinned(grantId))
      if (part > 0n) parts.push({ grantId, amount: part })
      open -= part
    }
    if (open > 0n) parts.push({ grantId: CREDIT_LINE, amount: open })
    return parts
  }

  protected spend(parts: readonly Part[]): void {
    for (const { grantId, amount } of parts) {
      const grant = this.grants.find((each) => each.grantId === grantId)
      if (grant) grant.left -= amount
      else this.debt += amount
    }
  }

  /** What was set aside is so no more; what came from a grant that has ended goes with it. */
  protected unpin({ grantId, amount }: Part): void {
    const grant = this.grants.find((each) => each.grantId === grantId)
    if (grant?.state !== 'ended') return
    grant.left -= amount
    grant.gone += amount
  }

  /** What the account could pay for a service, with debt or without. */
  protected free(service: string, withDebt: boolean): bigint {
    const limit = this.creditLimit + (withDebt ? this.debtLimit : 0n)
    const lots = sum(this.#spendable(service).map(({ grantId, left }) => left - this.pinned(grantId)))
    const line = positive(limit - this.debt - this.pinned(CREDIT_LINE))
    return least(lots + line, positive(this.available + limit))
  }

  #spendable(service: string): Grant[] {
    return this.grants
      .filter(({ state, services }) => state === 'active' && (!services || services.includes(service)))
      .sort(byBurnOrder)
  }
}
