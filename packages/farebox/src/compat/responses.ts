import { accountRoute, SPENDING } from '../http/route.ts'
import { eventStream } from '../http/stream-response.ts'
import { responseAnswer } from './answers.ts'
import { responseEvents } from './response-events.ts'
import { responseObject } from './response-object.ts'
import { responseInput, responsesBody } from './responses-body.ts'
import { serveChat } from './serve-chat.ts'

export const responses = accountRoute({
  method: 'post',
  path: '/v1/responses',
  operationId: 'createResponse',
  tag: 'openai',
  summary: 'Ask a chat model with text, images and functions, in the format of OpenAI’s Responses API. Nothing is stored',
  body: responsesBody,
  answer: responseAnswer,
  streams: { 'text/event-stream': 'With `stream`: events in OpenAI’s format' },
  fails: SPENDING,
  handle(call) {
    const { body } = call
    return serveChat(call, {
      input: responseInput(body),
      whole: (outcome, { provider }) => responseObject(outcome, { identity: outcome, provider, body }),
      parts: (events, served, identity) => responseEvents(events, served, { identity, provider: served.served.provider, body }),
      encoding: eventStream({ isNamed: true }),
    })
  },
})
