import { type AccountCall, JsonAnswer, ProblemAnswer } from '../http/route.ts'
import { ofFailedCall, runOnce } from '../http/run-once.ts'
import type { Workflow } from '../workflow.ts'
import type { Metered } from '../workflow-calls.ts'
import { type Asked, type PlannedCall, planCall } from './plan-call.ts'
import { type Served, servedBy, servedHeaders, withBalance } from './served.ts'

/** An answer as kept under an idempotency key: all it takes to repeat it. */
export interface KeptAnswer<Answer> {
  answer: Answer
  served: Served
}

/** How to answer a request as a whole. */
export interface WholeForm<Answer extends object, Body> {
  /** Makes the call. Its answer must be JSON. */
  work(workflow: Workflow, options: PlannedCall['options']): Promise<{ answer: Answer; metered: Metered }>
  respond(answer: Answer, served: Served, headers: Record<string, string>): Response | JsonAnswer<Body>
}

/** Serves a request whose answer comes as a whole, once per idempotency key. */
export async function serveWhole<Answer extends object, Body>(
  call: AccountCall<unknown, unknown>,
  asked: Asked,
  { work, respond }: WholeForm<Answer, Body>,
): Promise<Response | JsonAnswer<Body> | ProblemAnswer> {
  const { box, key } = call
  const plan = await planCall(call, asked)
  const run = runOnce(box, plan.run, async (workflowId) => {
    const workflow = plan.workflow(workflowId)
    try {
      const { answer, metered } = await work(workflow, plan.options)
      return { answer, served: await withBalance(box, key, servedBy(workflow, metered)) } satisfies KeptAnswer<Answer>
    } catch (error) {
      throw ofFailedCall(error)
    } finally {
      plan.leave(workflow)
    }
  })
  // Closing the Farebox waits until the run is paid, even if its caller has left.
  box.background(run, () => undefined)
  const outcome = await run
  if (outcome instanceof ProblemAnswer) return outcome
  const [kept, headers] = outcome instanceof JsonAnswer ? [outcome.body, outcome.headers] : [outcome, {}]
  const { answer, served } = kept
  return respond(answer, served, { ...servedHeaders(served), ...headers })
}
