import { getSeries } from '../api/get-series.ts'
import { rangeOf } from '../state/ranges.ts'

/** Credits by the prefix of a key, of the last 30 days: the range that the overview begins with. */
export async function readKeySpend(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const { granularity, from } = rangeOf('30d', Date.now())
  const spend = new Map<string, number>()
  for (const { name, total_credits } of await getSeries({ granularity, groupBy: 'api_key', from }, signal))
    if (name !== null) spend.set(name, (spend.get(name) ?? 0) + total_credits)
  return spend
}
