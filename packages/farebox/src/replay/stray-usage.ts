import type { BreakdownFilter, Ledger } from '@farebox/ledger'

/** What usage that belongs to no workflow comes to. */
export interface StrayUsage {
  service: string
  calls: number
  /** Micro-credits. */
  due: bigint
}

const HOUR_MS = 3_600_000

/**
 * Sums up the usage of an account that belongs to no workflow, by service, in parts. Whole hours are read from the ledger's sums,
 * and the hours at both ends by their records, so that ranges that meet within an hour add up.
 */
export async function* strayUsage(
  ledger: Ledger,
  { from, to, ...scope }: Pick<BreakdownFilter, 'accountId' | 'apiKeyId' | 'userId'> & { from: number; to: number },
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<StrayUsage, void, undefined> {
  const [begin, end] = [Math.ceil(from / HOUR_MS) * HOUR_MS, Math.floor(to / HOUR_MS) * HOUR_MS]
  const filter = { ...scope, workflowName: '' }
  const borders =
    begin > end
      ? [{ from, to }]
      : [
          { from, to: begin },
          { from: end, to },
        ].filter((each) => each.from < each.to)
  if (begin < end) {
    const { services } = await ledger.breakdowns({ ...filter, from: begin, to: end })
    for (const { service, records, charged, shortfall } of services) yield { service, calls: records, due: charged + shortfall }
  }
  for (const border of borders) {
    // No index helps to find the records of an hour, and most accounts have none to find.
    const { services } = await ledger.breakdowns({ ...filter, ...border })
    if (services.length > 0) yield* strayRecords(ledger, { ...scope, ...border }, signal)
  }
}

async function* strayRecords(
  ledger: Ledger,
  { accountId, apiKeyId, userId, from, to }: Parameters<typeof strayUsage>[1],
  signal: AbortSignal | undefined,
): AsyncGenerator<StrayUsage, void, undefined> {
  for await (const page of ledger.history.usage({ accountId, from, until: to })) {
    signal?.throwIfAborted()
    for (const record of page) {
      if (record.workflowId !== null) continue
      if (apiKeyId !== undefined && record.apiKeyId !== apiKeyId) continue
      if (userId !== undefined && record.userId !== userId) continue
      const due = record.charged + record.shortfall
      const calls = record.corrects === null && (due !== 0n || record.quantity !== 0n) ? 1 : 0
      yield { service: record.service, calls, due }
    }
  }
}
