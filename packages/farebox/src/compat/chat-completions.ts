import { v7 as uuidv7 } from 'uuid'
import type { Farebox } from '../farebox.ts'
import { accountRoute, JsonAnswer } from '../http/route.ts'
import { chatCompletionBody, chatInput } from './chat-body.ts'
import { chatChunks, chatCompletion } from './chat-completion.ts'
import { type ChatIdentity, type ChatOutcome, eventsOf, outcomeOf } from './chat-outcome.ts'
import { serveStream } from './serve-stream.ts'
import { serveWhole } from './serve-whole.ts'
import { eventStream } from './stream-response.ts'

export const chatCompletions = accountRoute({
  method: 'post',
  path: '/v1/chat/completions',
  summary: 'Ask a chat model, as OpenAI’s clients do; `stream` for an answer bit by bit',
  body: chatCompletionBody,
  async handle(call) {
    const { box, body } = call
    const asked = { service: 'gpt', model: body.model, name: 'chat', fields: { ...body } }
    const input = chatInput(body)
    const identity = newIdentity(box)
    if (!body.stream) {
      return serveWhole<ChatOutcome>(call, asked, {
        async work(workflow, options) {
          const answer = await workflow.chat({ ...input, ...options })
          return { answer: outcomeOf(identity, answer), metered: answer }
        },
        respond: (outcome, served, headers) => new JsonAnswer(200, chatCompletion(outcome, served), headers),
      })
    }
    const includeUsage = body.stream_options?.include_usage ?? false
    return serveStream(call, asked, {
      open: (workflow, options) => workflow.streamChat({ ...input, ...options }),
      parts: (events, served, kept) => chatChunks(events, served, { identity: kept ?? identity, includeUsage }),
      again: eventsOf,
      encoding: eventStream({ end: 'data: [DONE]\n\n' }),
    })
  },
})

/** What names an answer that is about to be given. */
export function newIdentity(box: Farebox): ChatIdentity {
  return { id: uuidv7().replaceAll('-', ''), created: Math.floor(box.now() / 1_000) }
}
