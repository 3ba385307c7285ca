import type { AuthenticatedKey } from '@farebox/ledger'
import type { Farebox } from '../farebox.ts'
import { balanceJson, chargedJson } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import type { Metered } from '../workflow-calls.ts'

/** What is said of an answer beside it: by whom it was given, in which workflow, and for how much. */
export interface Served {
  workflow_id: string
  provider: string
  /** Whole credits. Absent while a stream goes on. */
  credits_used?: number
  /** Whole credits, after it. */
  balance?: number
  simulated?: true
}

/** What is known of an answer: of a stream, without its cost. */
export function servedBy(
  workflow: Workflow,
  { provider, isSimulated, creditsUsed, balance }: Pick<Metered, 'provider' | 'isSimulated'> & Partial<Metered>,
): Served {
  return {
    workflow_id: workflow.id,
    provider,
    ...(creditsUsed !== undefined && { credits_used: chargedJson(creditsUsed) }),
    ...(balance !== undefined && { balance: balanceJson(balance) }),
    ...(isSimulated && { simulated: true as const }),
  }
}

/** Adds what the account has left, where that is not known. An answer that was paid for does not fail because that cannot be read. */
export async function withBalance(box: Farebox, { accountId }: AuthenticatedKey, served: Served): Promise<Served> {
  if (served.balance !== undefined) return served
  try {
    return { ...served, balance: balanceJson((await box.ledger.balance(accountId)).balance) }
  } catch {
    return served
  }
}

/** The same as headers. */
export function servedHeaders({ workflow_id, provider, credits_used, balance, simulated }: Served): Record<string, string> {
  return {
    'x-farebox-workflow-id': workflow_id,
    'x-farebox-provider': provider,
    ...(credits_used !== undefined && { 'x-farebox-credits-used': String(credits_used) }),
    ...(balance !== undefined && { 'x-farebox-balance': String(balance) }),
    ...(simulated && { 'x-farebox-simulated': 'true' }),
  }
}
