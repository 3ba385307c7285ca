import type { UsageRow } from '@farebox/ledger'
import type { Explanation } from '@farebox/pricing'

/** The model whose price a usage record was charged. For live sound, it may be another than the record names. */
export function pricedModelOf({ model, details }: Pick<UsageRow, 'model' | 'details'>): string | undefined {
  const { explanation, pricedAs } = (details ?? {}) as { explanation?: Partial<Explanation>; pricedAs?: unknown }
  // An explanation of another candidate's price, which was charged instead, tells nothing of the record's own.
  const explained = pricedAs === undefined ? explanation?.model : undefined
  return explained ?? model ?? undefined
}
