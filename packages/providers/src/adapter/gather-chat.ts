import { type ChatEvent, type ChatResult, ProviderError, type ToolCall } from '@farebox/core'

/** Collects a streamed answer into a plain one. It fails with the stream's error, which has the usage up to then. */
export async function gatherChat(provider: string, events: AsyncIterable<ChatEvent>): Promise<ChatResult> {
  let text = ''
  const toolCalls: ToolCall[] = []
  for await (const event of events) {
    if (event.type === 'finish') {
      const { type: _, ...rest } = event
      return { text, ...(toolCalls.length === 0 ? {} : { toolCalls }), ...rest }
    }
    if (event.type === 'text') {
      text += event.text
      continue
    }
    const known = toolCalls[event.index] ?? { id: '', name: '', arguments: '' }
    const { id = known.id, name = known.name } = event
    toolCalls[event.index] = { id, name, arguments: known.arguments + event.arguments }
  }
  throw new ProviderError(`${provider} ended its stream without finishing the answer`, { provider, kind: 'incomplete' })
}
