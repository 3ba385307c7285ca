import type { ChatRequest } from '@farebox/core'

/** A chat with all that there is in one, but for stop sequences, which not every API knows. */
export const fullChat = {
  model: 'gpt-4o',
  messages: [
    { role: 'developer', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is it?' },
        { type: 'image', url: 'data:image/png;base64,AA==', detail: 'low' },
      ],
    },
    { role: 'assistant', content: 'Let me look.', toolCalls: [{ id: 'c1', name: 'look', arguments: '{}' }] },
    { role: 'tool', content: 'a heron', toolCallId: 'c1' },
  ],
  outputTokensMax: 50,
  temperature: 0,
  tools: [{ name: 'look', description: 'Looks.', parameters: { type: 'object', properties: {} } }],
  toolChoice: { name: 'look' },
} satisfies ChatRequest
