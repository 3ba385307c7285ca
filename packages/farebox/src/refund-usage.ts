import { type Credits, microCredits } from '@farebox/core'
import type { Ledger, RefundInput, UsageRow } from '@farebox/ledger'
import { RefundExceedsChargeError } from './errors.ts'

/** What a refund gave back, and what it left of the charge. */
export interface Refunded {
  correctionId: string
  refunded: Credits
  /** What can still be given back. A replay tells what it was right after the refund. */
  refundable: Credits
  /** The balance right after the refund. */
  balance: Credits
  replayed: boolean
}

/**
 * Gives back a charge or a part of it, and tells what is left of it.
 *
 * @throws {RefundExceedsChargeError} less than that is left of the charge, or nothing at all
 * @throws {NotFoundError} no such account, or no such usage record in it
 * @throws {InvalidInputError} `usageId` names a correction
 */
export async function refundUsage(ledger: Pick<Ledger, 'refund' | 'usageRecord'>, input: RefundInput): Promise<Refunded> {
  const outcome = await ledger.refund(input)
  if (outcome.status === 'refused') throw new RefundExceedsChargeError(outcome)
  const { correctionId, refunded, balance, replayed } = outcome
  const { record, corrections } = await ledger.usageRecord(input.accountId, input.usageId)
  const last = corrections.findIndex(({ usageId }) => usageId === correctionId)
  return { correctionId, refunded, refundable: refundableOf(record, corrections.slice(0, last + 1)), balance, replayed }
}

/** What can still be given back of the charge of a usage record. */
export function refundableOf(record: Pick<UsageRow, 'charged'>, corrections: readonly Pick<UsageRow, 'charged'>[]): Credits {
  const left = corrections.reduce((sum, { charged }) => sum + charged, record.charged as bigint)
  return microCredits(left > 0n ? left : 0n)
}
