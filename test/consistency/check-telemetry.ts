import type { UsageRow } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'
import type { Tally } from './tally.ts'

/** Observers are told of what boxes charge, workflow by workflow, as long as no other process works for them. */
export async function checkTelemetry(box: Farebox, account: Account, tallies: readonly Tally[]): Promise<string[]> {
  const faults: string[] = []
  const charged = new Map<string, bigint>()
  const unknown = new Set<string>()
  for await (const page of box.ledger.history.usage({ accountId: account.accountId })) {
    for (const row of page) {
      if (row.workflowId === null || row.corrects !== null || account.charges.has(row.usageId)) continue
      charged.set(row.workflowId, (charged.get(row.workflowId) ?? 0n) + row.charged)
      if (isFoundLater(row)) unknown.add(row.workflowId)
    }
  }
  for (const [workflowId, amount] of charged) {
    const told = tallies.reduce((sum, { byWorkflow }) => sum + (byWorkflow.get(workflowId) ?? 0n), 0n)
    if (told !== amount && !unknown.has(workflowId))
      faults.push(`observers were told ${told} of ${workflowId}, which was charged ${amount}`)
  }
  return faults
}

/** Phone calls whose outcome was unknown are charged when their provider knows, which nobody waits for. */
function isFoundLater({ details }: UsageRow): boolean {
  return (details as { isReconciled?: boolean } | null)?.isReconciled === true
}
