import { isFareboxError } from '@farebox/core'
import { type Receipt, withoutCosts } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import type { AccountCall, JsonAnswer, ProblemAnswer } from './route.ts'
import { ChargedRunError, type Run, runOnce } from './run-once.ts'
import { whenBack } from './when-back.ts'

/** What an agent does in its own workflow. */
export interface AgentRun {
  /** What was asked for, field by field. */
  fields: Record<string, unknown>
  /** The workflow name that breakdowns count it under. */
  name: string
  /** Whether it may start again when its outcome is unknown. @defaultValue true */
  isRepeatable?: boolean
  /** Whether it makes a single call, whose charge also closes the workflow. @defaultValue false */
  isOneCall?: boolean
}

/** Runs one workflow with an agent's configuration, and adds its receipt to the answer. */
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
  // Closing the Farebox waits until the run is paid, its workflow closed and its answer kept.
  call.box.background(running, () => undefined)
  return running
}

/**
 * Closes a workflow whose work is done, with retries while the database is unavailable. Its charges are already in the spool
 * then: without retries, the account would pay for an answer that it never got.
 */
export function closeWhenBack(workflow: Workflow): Promise<Receipt> {
  return whenBack(() => workflow.close())
}

type WithReceipt<Answer> = Answer & { receipt: Omit<Receipt, never> }

/** Finds the agent, and plans its run and its workflow. */
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
 * Ends a workflow whose work failed, and returns the error to throw. Refunds its charges, unless the caller caused the failure:
 * one who sent what no provider accepts, left, closed the workflow, or ran out of credits halfway pays for the work done before.
 */
export async function giveUp(workflow: Workflow, error: unknown): Promise<unknown> {
  if (!workflow.isOpened) return error
  const isCallers = isFareboxError(error) && CALLERS_REASONS.has(error.code)
  try {
    if (!isCallers) await workflow.refund('the run failed')
    const { total_credits_used } = await workflow.close()
    return total_credits_used > 0 ? new ChargedRunError(error) : error
  } catch {
    // The database is unavailable: if anything was charged, that stays, and the run must not start again under its key.
    return new ChargedRunError(error, { isUnsure: true })
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
  'WORKFLOW_CLOSED',
])

/** Marks a simulated answer, so that nobody takes it for a real one. */
export function simulatedMark(isSimulated: boolean): { simulated?: true } {
  return isSimulated ? { simulated: true } : {}
}
