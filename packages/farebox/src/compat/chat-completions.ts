import { accountRoute, SPENDING } from '../http/route.ts'
import { eventStream } from '../http/stream-response.ts'
import { chatCompletionAnswer } from './answers.ts'
import { chatCompletionBody, chatInput } from './chat-body.ts'
import { chatChunks, chatCompletion } from './chat-completion.ts'
import { serveChat } from './serve-chat.ts'

export const chatCompletions = accountRoute({
  method: 'post',
  path: '/v1/chat/completions',
  operationId: 'createChatCompletion',
  tag: 'openai',
  summary: 'Ask a chat model, in the format of OpenAI’s Chat Completions API. With `stream`, the answer comes as it is produced',
  body: chatCompletionBody,
  answer: chatCompletionAnswer,
  streams: { 'text/event-stream': 'With `stream`: chunks in OpenAI’s format' },
  fails: SPENDING,
  handle(call) {
    const includeUsage = call.body.stream_options?.include_usage ?? false
    return serveChat(call, {
      input: chatInput(call.body),
      whole: chatCompletion,
      parts: (events, served, identity) => chatChunks(events, served, { identity, includeUsage }),
      encoding: eventStream({ end: 'data: [DONE]\n\n' }),
    })
  },
})
