import type { ChatEvent as ModelEvent } from '@farebox/core'
import type { z } from 'zod'
import { withoutCosts } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import type { ChatInput, ChatStream } from '../workflow-calls.ts'
import type { chatAnswer, chatEvent } from './answers.ts'
import { problemOf } from './problem.ts'
import { type AccountCall, JsonAnswer, ProblemAnswer } from './route.ts'
import { type AgentRun, closeWhenBack, giveUp, planAgent, simulatedMark } from './run-agent.ts'
import { ChargedRunError, runOnce } from './run-once.ts'
import { answerLeft, type Encoding, streamResponse } from './stream-response.ts'

type ChatAnswer = z.input<typeof chatAnswer>
type ChatEvent = z.input<typeof chatEvent>

/** Server-sent events, named by their type. A failure is an event with a problem. */
const encoding: Encoding<ChatEvent> = {
  contentType: 'text/event-stream; charset=utf-8',
  encode: (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
  failure: (problem) => `event: error\ndata: ${JSON.stringify({ type: 'error', problem })}\n\n`,
}

/**
 * Streams an agent's text answer as its model produces it, then the receipt. Nothing is sent before the first text, so that an
 * earlier failure can set the status. A later failure is an event in the stream, and what was produced is charged. Under an
 * idempotency key the finished answer is kept and repeated.
 */
export async function streamAgent(
  call: AccountCall<unknown, unknown>,
  agentRun: AgentRun,
  input: ChatInput,
): Promise<Response | ProblemAnswer> {
  const { box } = call
  const plan = await planAgent(call, agentRun)
  const { promise: begun, resolve: begin } = Promise.withResolvers<Response>()
  const run = runOnce(box, plan.run, async (workflowId) => {
    const workflow = plan.workflow(workflowId)
    const stream = await workflow.streamChat(input).catch(async (error: unknown) => {
      throw await giveUp(workflow, error)
    })
    const { response, answer, abandon } = streamResponse(told(workflow, stream), {
      headers: {},
      encoding,
      leave: () => void stream.events.return?.(),
    })
    box.streams.add(abandon, answer)
    begin(response)
    try {
      return await answer
    } catch (error) {
      await stream.settled.catch(() => undefined)
      box.background(workflow.close())
      if (problemOf(error).status >= 500) call.report(error)
      throw new ChargedRunError(error)
    }
  })
  // A failure after the stream has begun is reported within it.
  box.background(run, () => undefined)
  const outcome = await Promise.race([begun, run])
  if (outcome instanceof Response || outcome instanceof ProblemAnswer) return outcome
  const [answer, headers] = outcome instanceof JsonAnswer ? [outcome.body, outcome.headers] : [outcome, {}]
  return streamResponse(toldAgain(answer), { headers, encoding }).response
}

/** The model's texts, then the receipt once they are paid for. */
async function* told(workflow: Workflow, stream: ChatStream): AsyncGenerator<ChatEvent, ChatAnswer, undefined> {
  let text = ''
  let finish: Extract<ModelEvent, { type: 'finish' }> | undefined
  for await (const event of stream.events) {
    if (event.type === 'finish') finish = event
    if (event.type !== 'text') continue
    text += event.text
    yield { type: 'text', text: event.text }
  }
  if (!finish) throw answerLeft()
  await stream.settled
  const receipt = withoutCosts(await closeWhenBack(workflow))
  const ending = { provider: stream.provider, ...simulatedMark(stream.isSimulated), receipt }
  yield { type: 'finish', ...ending }
  return { text, ...ending }
}

async function* toldAgain({ text, ...ending }: ChatAnswer): AsyncGenerator<ChatEvent, void, undefined> {
  if (text !== '') yield { type: 'text', text }
  yield { type: 'finish', ...ending }
}
