import type { UsageRow } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'
import { keyOf, type Tally } from './tally.ts'

/** Observers are told of all that boxes charge, by workflow and service, as long as no other process works for them. */
export async function checkTelemetry(
  box: Farebox,
  { accountId, charges }: Account,
  tallies: readonly Tally[],
): Promise<string[]> {
  const charged = new Map<string, bigint>()
  for (const { told } of tallies) for (const key of told.keys()) if (key.startsWith(accountId)) charged.set(key, 0n)
  for await (const page of box.ledger.history.usage({ accountId })) {
    for (const row of page) {
      if (row.workflowId === null || row.corrects !== null || charges.has(row.usageId) || isFoundLater(row)) continue
      charged.set(keyOf(row), (charged.get(keyOf(row)) ?? 0n) + row.charged)
    }
  }
  return [...charged].flatMap(([key, amount]) => {
    const told = tallies.reduce((sum, tally) => sum + (tally.told.get(key) ?? 0n), 0n)
    return told === amount ? [] : [`observers were told ${told} of ${key}, which was charged ${amount}`]
  })
}

/** Phone calls whose outcome was unknown are charged when their provider knows, which nobody waits for. */
function isFoundLater({ details }: UsageRow): boolean {
  return (details as { isReconciled?: boolean } | null)?.isReconciled === true
}
