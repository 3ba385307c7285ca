import { problemOf } from '../http/problem.ts'
import { type AccountCall, JsonAnswer, ProblemAnswer } from '../http/route.ts'
import { ChargedRunError, runOnce } from '../http/run-once.ts'
import { type Encoding, streamResponse } from '../http/stream-response.ts'
import type { Workflow } from '../workflow.ts'
import type { MeteredStream } from '../workflow-calls.ts'
import { type Asked, type PlannedCall, planCall } from './plan-call.ts'
import type { KeptAnswer } from './serve-whole.ts'
import { type Served, servedBy, servedHeaders, withBalance } from './served.ts'

/** How a request is answered bit by bit. */
export interface StreamForm<Event, Part, Answer extends object> {
  open(workflow: Workflow, options: PlannedCall['options']): Promise<MeteredStream<Event>>
  /**
   * Turns events into what is sent, and returns what they amount to, as JSON.
   *
   * @param kept  the answer that they amount to, where it is given again
   */
  parts(events: AsyncIterable<Event>, served: ServedStream, kept?: Answer): AsyncGenerator<Part, Answer, undefined>
  /** The events that an answer came from, for when it is asked for again. */
  again(answer: Answer): Iterable<Event>
  encoding: Encoding<Part>
}

/** What is known of a stream while it goes on, and when it has ended. */
export interface ServedStream {
  served: Served
  /** With its cost, where that could be written down at once. */
  settled(): Promise<Served>
}

/**
 * Serves a request whose answer is passed on as it comes. Until its first content nothing is sent, so that a failure has a status; after
 * it, a failure is told within the stream. Under an idempotency key the answer is kept when it has ended, and then streamed again.
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
      throw error
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
  // What fails after the beginning is told within the stream, and the charge by its settlement.
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

/** The same parts; a stream that is whole has been paid for when its client sees its end. */
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
