import type { AuthenticatedKey } from '@farebox/ledger'
import type { Farebox } from '../farebox.ts'
import { balanceJson, chargedJson } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import type { Metered } from '../workflow-calls.ts'

/** What accompanies an answer: its provider, its workflow and its cost. */
export interface Served {
  workflow_id: string
  provider: string
  /** Whole credits. Absent while a stream runs. */
  credits_used?: number
  /** Whole credits that the account has left. */
  balance?: number
  simulated?: true
}

/** What is known about an answer. The cost of a stream is missing while it runs. */
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

/** Adds the balance if it is missing. If that fails, the answer goes out without it, since it is paid for. */
export async function withBalance(box: Farebox, { accountId }: AuthenticatedKey, served: Served): Promise<Served> {
  if (served.balance !== undefined) return served
  try {
    return { ...served, balance: balanceJson((await box.ledger.balance(accountId)).balance) }
  } catch {
    return served
  }
}

/** {@link Served} as headers. */
export function servedHeaders({ workflow_id, provider, credits_used, balance, simulated }: Served): Record<string, string> {
  return {
    'x-farebox-workflow-id': workflow_id,
    'x-farebox-provider': provider,
    ...(credits_used !== undefined && { 'x-farebox-credits-used': String(credits_used) }),
    ...(balance !== undefined && { 'x-farebox-balance': String(balance) }),
    ...(simulated && { 'x-farebox-simulated': 'true' }),
  }
}
