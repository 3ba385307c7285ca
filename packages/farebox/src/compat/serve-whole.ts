import { type AccountCall, JsonAnswer, ProblemAnswer } from '../http/route.ts'
import { runOnce } from '../http/run-once.ts'
import type { Workflow } from '../workflow.ts'
import type { Metered } from '../workflow-calls.ts'
import { type Asked, type PlannedCall, planCall } from './plan-call.ts'
import { type Served, servedBy, servedHeaders, withBalance } from './served.ts'

/** An answer as it is kept under an idempotency key: all that is needed to give it again. */
export interface KeptAnswer<Answer> {
  answer: Answer
  served: Served
}

/** How a request is answered as a whole. */
export interface WholeForm<Answer extends object, Body> {
  /** Makes the call. Its answer is JSON. */
  work(workflow: Workflow, options: PlannedCall['options']): Promise<{ answer: Answer; metered: Metered }>
  respond(answer: Answer, served: Served, headers: Record<string, string>): Response | JsonAnswer<Body>
}

/** Serves a request whose answer comes as a whole, once for an idempotency key. */
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
    } finally {
      plan.leave(workflow)
    }
  })
  // Also when its caller has left, a store that closes waits until it is paid.
  box.background(run, () => undefined)
  const outcome = await run
  if (outcome instanceof ProblemAnswer) return outcome
  const [kept, headers] = outcome instanceof JsonAnswer ? [outcome.body, outcome.headers] : [outcome, {}]
  const { answer, served } = kept
  return respond(answer, served, { ...servedHeaders(served), ...headers })
}
