import { newUuid } from '@farebox/ledger'
import { type AccountCall, type Answered, JsonAnswer } from '../http/route.ts'
import type { Encoding } from '../http/stream-response.ts'
import type { ChatInput } from '../workflow-calls.ts'
import { type ChatIdentity, type ChatOutcome, type ChatStreamEvent, eventsOf, outcomeOf } from './chat-outcome.ts'
import { type ServedStream, serveStream } from './serve-stream.ts'
import { serveWhole } from './serve-whole.ts'
import type { Served } from './served.ts'

type Json = Record<string, unknown>

/** How one of OpenAI's two chat APIs asks and answers. */
export interface ChatForm<Body> {
  input: ChatInput
  /** Writes the answer as a whole. */
  whole(outcome: ChatOutcome, served: Served): Body
  /** Writes the answer as a stream. */
  parts(
    events: AsyncIterable<ChatStreamEvent>,
    served: ServedStream,
    identity: ChatIdentity,
  ): AsyncGenerator<Json, ChatOutcome, undefined>
  encoding: Encoding<Json>
}

/** Serves a chat, as a whole or as a stream. */
export function serveChat<Body>(
  call: AccountCall<{ model: string; stream?: boolean | null }, unknown>,
  { input, whole, parts, encoding }: ChatForm<Body>,
): Promise<Answered<Body>> {
  const { box, body } = call
  const asked = { service: 'gpt', model: body.model, name: 'chat', fields: { ...body } }
  const identity: ChatIdentity = { id: newUuid().replaceAll('-', ''), created: Math.floor(box.now() / 1_000) }
  if (!body.stream) {
    return serveWhole<ChatOutcome, Body>(call, asked, {
      async work(workflow, options) {
        const answer = await workflow.chat({ ...input, ...options })
        return { answer: outcomeOf(identity, answer), metered: answer }
      },
      respond: (outcome, served, headers) => new JsonAnswer(200, whole(outcome, served), headers),
    })
  }
  return serveStream<ChatStreamEvent, Json, ChatOutcome>(call, asked, {
    open: (workflow, options) => workflow.streamChat({ ...input, ...options }),
    parts: (events, served, kept) => parts(events, served, kept ?? identity),
    again: eventsOf,
    encoding,
  })
}
