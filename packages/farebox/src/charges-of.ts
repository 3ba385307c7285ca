import type { Credits } from '@farebox/core'
import type { UsageRow } from '@farebox/ledger'
import { refundableOf } from './refund-usage.ts'

/** A usage record that was charged for. Its id is what a refund names. */
export interface Charge<Row = UsageRow> {
  record: Row
  /** What can still be given back. */
  refundable: Credits
}

/**
 * The charges among usage records, in their order.
 *
 * @param records  with all of their corrections
 */
export function chargesOf<Row extends Pick<UsageRow, 'usageId' | 'corrects' | 'charged'>>(
  records: readonly Row[],
): Charge<Row>[] {
  const corrections = Map.groupBy(records, ({ corrects }) => corrects)
  return (
    records
      .filter(({ corrects }) => corrects === null)
      .map((record) => ({ record, refundable: refundableOf(record, corrections.get(record.usageId) ?? []) }))
      // An adjustment may charge for what was free before.
      .filter(({ record, refundable }) => record.charged > 0n || refundable > 0n)
  )
}
