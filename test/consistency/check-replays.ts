import { microCredits } from '@farebox/core'
import type { Farebox, ServiceConfiguration } from 'farebox'
import { START } from './open-box.ts'

/** Replays what an account did: as it was, it costs what it cost, and a recommendation that is followed saves what it says. */
export async function checkReplays(box: Farebox, accountId: string): Promise<string[]> {
  const faults: string[] = []
  const from = START - 86_400_000
  const to = box.now() + 1
  let due = 0n
  const workflowIds = new Set<string>()
  for await (const page of box.ledger.history.usage({ accountId })) {
    for (const { charged, shortfall, workflowId } of page) {
      due += charged + shortfall
      if (workflowId !== null) workflowIds.add(workflowId)
    }
  }
  const same = await box.simulate({ accountId, from, to, changes: {} })
  if (same.creditsThen !== due) faults.push(`simulate() says that ${same.creditsThen} was due, the records ${due}`)
  const lines = same.lines.reduce((sum, { creditsThen }) => sum + creditsThen, 0n)
  if (lines !== same.creditsThen) faults.push(`the lines of simulate() come to ${lines}, not ${same.creditsThen}`)

  const { recommendations, is_complete } = await box.recommendations({ accountId, from, to, callsMax: 1_000_000 })
  if (!is_complete) faults.push('recommendations() has not read all')
  for (const { workflow_name: name, change, credits_saved } of recommendations) {
    if ('preset' in change) continue
    const { difference } = await box.simulate({ accountId, name, from, to, changes: fieldsOf(change) })
    const saved = Number(microCredits(-difference) / 1_000_000n)
    if (saved !== credits_saved) faults.push(`${name}: ${JSON.stringify(change)} is to save ${credits_saved}, and saves ${saved}`)
  }
  for (const workflowId of workflowIds) {
    const { name, spent } = await box.ledger.workflow(accountId, workflowId)
    const workflow = box.workflow({ accountId, name, workflowId, isOpened: true })
    const { total_credits_used } = await workflow.receipt()
    const whole = Number((spent + 999_999n) / 1_000_000n)
    if (total_credits_used !== whole) faults.push(`the receipt of ${workflowId} says ${total_credits_used}, not ${whole}`)
    // A host's own charges have no prices of the book.
    for (const { usageId, charged, explanation } of await workflow.explain())
      if (charged > 0n && explanation === undefined && !usageId.startsWith('host-')) faults.push(`nothing explains ${usageId}`)
  }
  return faults
}

/** Fields of a configuration, as the API names them, as the library does. */
function fieldsOf(change: Readonly<Record<string, unknown>>): Partial<ServiceConfiguration> {
  return Object.fromEntries(
    Object.entries(change).map(([name, value]) => [name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), value]),
  )
}
