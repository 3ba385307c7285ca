import { microCredits, microUnits } from '@farebox/core'
import type { Failure, Operations, Outcome } from '../../packages/ledger/src/operations.ts'
import {
  exists,
  invalid,
  least,
  missing,
  outOfRange,
  type Part,
  positive,
  sum,
  takeLast,
  type Usage,
} from './reference-things.ts'
import { ReferenceWork } from './reference-work.ts'

/** What sets right what was charged. */
export abstract class ReferenceCorrections extends ReferenceWork {
  /** A record together with its corrections, or why it cannot be corrected. */
  #correctable(usageId: string, correctionId: string): Failure | Usage {
    const record = this.usages.find((each) => each.usageId === usageId)
    if (!record) return missing('USAGE_NOT_FOUND', usageId)
    if (record.corrects !== undefined) {
      return invalid('usageId', `names a correction of ${record.corrects}: correct that one`)
    }
    if (this.usages.some((each) => each.usageId === correctionId)) return exists('usage record', correctionId)
    const all = [record, ...this.usages.filter(({ corrects }) => corrects === usageId)]
    const parts = record.parts.map((part) => ({ ...part }))
    for (const { grantId, amount } of all.slice(1).flatMap((correction) => correction.parts)) {
      if (amount > 0n) parts.push({ grantId, amount })
      else takeBack(parts, grantId, -amount)
    }
    return {
      ...record,
      rated: microCredits(sum(all.map(({ rated }) => rated))),
      cost: all.every(({ cost }) => cost === undefined) ? undefined : sum(all.map(({ cost }) => cost ?? 0n)),
      charged: sum(all.map(({ charged }) => charged)),
      shortfall: sum(all.map(({ shortfall }) => shortfall)),
      parts: parts.filter(({ amount }) => amount > 0n),
    }
  }

  protected refund({ usageId, correctionId, amount }: Operations['refund']): Outcome {
    const now = this.#correctable(usageId, correctionId)
    if ('status' in now) return now
    const requested = amount ?? microCredits(now.charged)
    if (requested > now.charged || now.charged <= 0n) {
      return { status: 'refused', reason: 'refund_exceeds_charge', usageId, refundable: positive(now.charged), requested }
    }
    if (this.wouldOverflow(requested)) return outOfRange('amount')
    // What could not be taken stays rated, and no more than what is given back stops being so.
    const rated = requested === now.charged || now.rated - requested < now.shortfall ? now.shortfall : now.rated - requested
    const parts = this.#payBack(now, requested, correctionId)
    const change = { rated: rated - now.rated, charged: -requested, shortfall: 0n }
    return this.#corrected({ ...now, cost: undefined }, correctionId, change, parts)
  }

  protected adjust({ usageId, correctionId, charge, cost, overage }: Operations['adjust']): Outcome {
    const found = this.#correctable(usageId, correctionId)
    if ('status' in found) return found
    // What it costs us changes as told, be it nothing.
    const now = { ...found, cost: cost === undefined ? undefined : cost - (found.cost ?? 0n) }
    const rated = charge === undefined ? 0n : charge - now.rated
    const due = microCredits((charge ?? now.charged + now.shortfall) - now.charged - now.shortfall)
    if (due <= 0n) {
      // Lower: what was never taken is forgotten first.
      const forgotten = least(now.shortfall, -due)
      if (this.wouldOverflow(-due - forgotten)) return outOfRange('charge')
      const parts = this.#payBack(now, -due - forgotten, correctionId)
      return this.#corrected(now, correctionId, { rated, charged: due + forgotten, shortfall: -forgotten }, parts)
    }
    const refusal = overage === 'reject' ? this.refusal(now, due) : undefined
    if (refusal) return refusal
    const charged = least(due, this.affordable(now, overage === 'debt'))
    const parts = this.take(now, charged)
    return this.#corrected(now, correctionId, { rated, charged, shortfall: due - charged }, parts)
  }

  #corrected(
    record: Usage,
    correctionId: string,
    change: { rated: bigint; charged: bigint; shortfall: bigint },
    parts: Part[],
  ): Outcome {
    const amounts = { ...change, rated: microCredits(change.rated), quantity: microUnits(0n) }
    const difference = { ...amounts, recordedAt: this.now }
    this.usages.push({ ...record, ...difference, usageId: correctionId, corrects: record.usageId, holdId: undefined, parts })
    return {
      status: 'corrected',
      correctionId,
      usageId: record.usageId,
      refunded: microCredits(-change.charged),
      shortfall: microCredits(change.shortfall),
      balance: this.balance,
      replayed: false,
    }
  }

  /** To where it came from, the last drawn first; as a new grant where that is gone. Returns the parts, negative. */
  #payBack(record: Usage, amount: bigint, correctionId: string): Part[] {
    const parts = takeLast(
      record.parts.map((part) => ({ ...part })),
      amount,
    )
    for (const [index, { grantId, amount: part }] of parts.entries()) {
      const grant = this.grants.find((each) => each.grantId === grantId)
      if (grant && grant.state !== 'ended' && (grant.ends === undefined || grant.ends > this.now)) {
        grant.left += part
        continue
      }
      // What a chargeback made into debt is no more owed.
      const repaid = grant && !grant.isChargedBack ? 0n : least(part, this.debt)
      this.debt -= repaid
      if (part === repaid) continue
      this.grants.push({
        grantId: `refund:${correctionId}:${index + 1}`,
        amount: part - repaid,
        left: part - repaid,
        gone: 0n,
        priority: grant?.priority ?? 100,
        isPaid: false,
        services: grant?.services,
        begins: this.now,
        ends: undefined,
        rollover: undefined,
        madeAt: this.now,
        state: 'active',
        isChargedBack: false,
      })
    }
    // What came from a reserve was counted when that was made.
    const reserved = this.envelopes(record.workflowId).filter(({ hasReserve }) => hasReserve)
    const countedSince = Math.min(record.takenAt, ...reserved.map(({ openedAt }) => openedAt))
    this.budgets.giveBack(record, countedSince, this.now, amount)
    return parts.map(({ grantId, amount: part }) => ({ grantId, amount: -part }))
  }
}

/** Takes what was given back to one grant off the parts that were drawn from it, the last first. */
function takeBack(parts: Part[], grantId: string, amount: bigint): void {
  let open = amount
  for (const part of parts.filter((each) => each.grantId === grantId).reverse()) {
    const take = least(open, part.amount)
    part.amount -= take
    open -= take
  }
}
