import { isFareboxError } from '@farebox/core'
import { type Receipt, withoutCosts } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import type { AccountCall, JsonAnswer, ProblemAnswer } from './route.ts'
import { ChargedRunError, type Run, runOnce } from './run-once.ts'
import { whenBack } from './when-back.ts'

/** What an agent is to do, in a workflow of its own. */
export interface AgentRun {
  /** What was asked for, field by field. */
  fields: Record<string, unknown>
  /** What breakdowns count it under. */
  name: string
  /** Whether it may be begun again when nobody knows how it ended. @defaultValue true */
  isRepeatable?: boolean
  /** Whether it is one call. @defaultValue false */
  isOneCall?: boolean
}

/** Runs one workflow as an agent, and adds its receipt to the answer. */
export async function runAgent<Answer extends object>(
  call: AccountCall<unknown, unknown>,
  run: AgentRun,
  work: (workflow: Workflow) => Promise<Answer>,
): Promise<WithReceipt<Answer> | JsonAnswer<WithReceipt<Answer>> | ProblemAnswer> {
  const { run: once, workflow: open } = await planAgent(call, run)
  const running = runOnce(call.box, once, async (workflowId) => {
    const workflow = open(workflowId)
    try {
      const answer = await work(workflow)
      return { ...answer, receipt: withoutCosts(await closeWhenBack(workflow)) }
    } catch (error) {
      throw await giveUp(workflow, error)
    }
  })
  // A store that closes waits until it is paid, closed and kept.
  call.box.background(running, () => undefined)
  return running
}

/**
 * Closes a workflow whose work is done, and again while the database is away: its charges wait in the spool by then, so that whoever pays them
 * would else get nothing for it.
 */
export function closeWhenBack(workflow: Workflow): Promise<Receipt> {
  return whenBack(() => workflow.close())
}

type WithReceipt<Answer> = Answer & { receipt: Omit<Receipt, never> }

/** Who an agent is, and the workflow in which it works. */
export async function planAgent(
  call: AccountCall<unknown, unknown>,
  { fields, name, isRepeatable, isOneCall }: AgentRun,
): Promise<{ run: Run; workflow(workflowId: string): Workflow }> {
  const { box, key, parameters, signal, idempotencyKey } = call
  const { accountId } = key
  const metadata = await call.metadata()
  const agent = await box.agents.find(accountId, parameters.id ?? '')
  return {
    run: { accountId, idempotencyKey, fields: { agent_id: agent.agentId, ...fields, api_key: key.apiKeyId }, isRepeatable },
    workflow: (workflowId) =>
      box.workflow({
        workflowId,
        accountId,
        name,
        configuration: agent.configuration,
        businessAdapter: agent.businessAdapter ?? undefined,
        metadata,
        apiKey: key,
        isOneCall,
        signal,
      }),
  }
}

/**
 * Ends a workflow whose work came to nothing. What it charged is given back, unless the caller was the reason: who sends what no
 * provider takes, leaves, or runs out of credits half-way has had what came before.
 */
export async function giveUp(workflow: Workflow, error: unknown): Promise<unknown> {
  if (!workflow.isOpened) return error
  const isCallers = isFareboxError(error) && CALLERS_REASONS.has(error.code)
  try {
    if (!isCallers) await workflow.refund('the run failed')
    const { total_credits_used } = await workflow.close()
    return total_credits_used > 0 ? new ChargedRunError(error) : error
  } catch {
    // The store is away: what was charged stays charged, and the run must not be begun again under its key.
    return new ChargedRunError(error)
  }
}

const CALLERS_REASONS: ReadonlySet<string> = new Set([
  'REQUEST_REJECTED',
  'REQUEST_TOO_LONG',
  'CALLER_LEFT',
  'INSUFFICIENT_CREDITS',
  'BUDGET_EXCEEDED',
  'REQUEST_LIMIT',
  'SERVICE_NOT_ALLOWED',
])

/** Nobody should take a made-up answer for a real one. */
export function simulatedMark(isSimulated: boolean): { simulated?: true } {
  return isSimulated ? { simulated: true } : {}
}
