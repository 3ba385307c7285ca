import { problemOf } from '../http/problem.ts'
import { type AccountCall, JsonAnswer, ProblemAnswer } from '../http/route.ts'
import { ChargedRunError, ofFailedCall, runOnce } from '../http/run-once.ts'
import { type Encoding, streamResponse } from '../http/stream-response.ts'
import type { Workflow } from '../workflow.ts'
import type { MeteredStream } from '../workflow-calls.ts'
import { type Asked, type PlannedCall, planCall } from './plan-call.ts'
import type { KeptAnswer } from './serve-whole.ts'
import { type Served, servedBy, servedHeaders, withBalance } from './served.ts'

/** How to answer a request with a stream. */
export interface StreamForm<Event, Part, Answer extends object> {
  open(workflow: Workflow, options: PlannedCall['options']): Promise<MeteredStream<Event>>
  /**
   * Turns events into the parts to send, and returns what they amount to, as JSON.
   *
   * @param kept  the first answer, where it is being repeated
   */
  parts(events: AsyncIterable<Event>, served: ServedStream, kept?: Answer): AsyncGenerator<Part, Answer, undefined>
  /** The events of a kept answer, to repeat it. */
  again(answer: Answer): Iterable<Event>
  encoding: Encoding<Part>
}

/** What is known about a stream while it runs, and once it has ended. */
export interface ServedStream {
  served: Served
  /** The same with its cost, unless the charge could not be recorded at once. */
  settled(): Promise<Served>
}

/**
 * Serves a request whose answer is passed on as it arrives. Nothing is sent before the first content, so that an earlier failure
 * can set the status. A later failure is reported within the stream. Under an idempotency key the finished answer is kept and
 * streamed again.
 */
export async function serveStream<Event, Part, Answer extends object>(
  call: AccountCall<unknown, unknown>,
  asked: Asked,
  form: StreamForm<Event, Part, Answer>,
): Promise<Response | ProblemAnswer> {
  const { box, key } = call
  const plan = await planCall(call, asked)
  const { promise: begun, resolve: begin } = Promise.withResolvers<Response>()
  const run = runOnce(box, plan.run, async (workflowId) => {
    const workflow = plan.workflow(workflowId)
    const stream = await form.open(workflow, plan.options).catch((error: unknown) => {
      plan.leave(workflow)
      throw ofFailedCall(error)
    })
    const leave = () => plan.leave(workflow)
    stream.settled.then(leave, leave)
    const served = await withBalance(box, key, servedBy(workflow, stream))
    const settled = async () => withBalance(box, key, servedBy(workflow, { ...stream, ...(await stream.settled) }))
    const toldAnyway = { served, settled: () => settled().catch(() => served) }
    const { response, answer, abandon } = streamResponse(settledFirst(form.parts(stream.events, toldAnyway), stream.settled), {
      headers: servedHeaders(served),
      encoding: form.encoding,
      leave: () => void stream.events.return?.(),
    })
    box.streams.add(abandon, answer)
    begin(response)
    try {
      return { answer: await answer, served: await settled() } satisfies KeptAnswer<Answer>
    } catch (error) {
      await stream.settled.catch(() => undefined)
      if (problemOf(error).status >= 500) call.report(error)
      throw new ChargedRunError(error)
    }
  })
  // A failure after the stream has begun is reported within it, and a failed charge by its settlement.
  box.background(run, () => undefined)
  const outcome = await Promise.race([begun, run])
  if (outcome instanceof Response || outcome instanceof ProblemAnswer) return outcome
  const [kept, headers] = outcome instanceof JsonAnswer ? [outcome.body, outcome.headers] : [outcome, {}]
  const { answer, served } = kept
  return streamResponse(form.parts(each(form.again(answer)), { served, settled: async () => served }, answer), {
    headers: { ...servedHeaders(served), ...headers },
    encoding: form.encoding,
  }).response
}

/** The same parts, but their end waits for the settlement: when the client sees it, the stream is paid for. */
async function* settledFirst<Part, Answer>(
  parts: AsyncGenerator<Part, Answer, undefined>,
  settled: Promise<unknown>,
): AsyncGenerator<Part, Answer, undefined> {
  const answer = yield* parts
  await settled.catch(() => undefined)
  return answer
}

async function* each<Event>(events: Iterable<Event>): AsyncGenerator<Event, void, undefined> {
  yield* events
}
