import type { ChatMessage, ContentPart } from '@farebox/core'
import type { AnswerFacts } from '../telemetry/call-observer.ts'

/** The messages of a request as JSON, in the shape of the conventions. Of an inline image only the media type is kept. */
export function inputMessages(messages: readonly ChatMessage[]): string {
  return JSON.stringify(messages.map((message) => ({ role: message.role, parts: partsOf(message) })))
}

/** The answer as JSON, in the same shape. */
export function outputMessages({ text, finishReason = 'stop' }: AnswerFacts): string | undefined {
  const content = text?.()
  if (content === undefined) return undefined
  return JSON.stringify([{ role: 'assistant', parts: [{ type: 'text', content }], finish_reason: finishReason }])
}

function partsOf(message: ChatMessage): object[] {
  switch (message.role) {
    case 'tool':
      return [{ type: 'tool_call_response', id: message.toolCallId, response: message.content }]
    case 'assistant': {
      const calls = (message.toolCalls ?? []).map(({ id, name, arguments: given }) => {
        return { type: 'tool_call', id, name, arguments: given }
      })
      return message.content === null ? calls : [{ type: 'text', content: message.content }, ...calls]
    }
    default: {
      const { content } = message
      return typeof content === 'string' ? [{ type: 'text', content }] : content.map(partOf)
    }
  }
}

function partOf(part: ContentPart): object {
  if (part.type === 'text') return { type: 'text', content: part.text }
  const inside = /^data:([^;,]*)/.exec(part.url)
  return inside
    ? { type: 'blob', modality: 'image', mime_type: inside[1] ?? '' }
    : { type: 'uri', modality: 'image', uri: part.url }
}
