import { formatQuantity, quantity, type Usage } from '@farebox/core'
import { expect, it } from 'vitest'
import { chatRequest, chatRoute, floorUsage, questionAbout } from './chat-route.ts'

const ask = (content: string) => ({ messages: [{ role: 'user' as const, content }] })

function tokens({ quantities }: Pick<Usage, 'quantities'>): Record<string, number> {
  return Object.fromEntries(quantities.map((usage) => [usage.meter, Number(formatQuantity(usage.quantity))]))
}

it('an answer is always limited, because what is held must cover it', () => {
  expect(chatRequest(ask('hello')).outputTokensMax).toBe(1_024)
  expect(chatRequest({ ...ask('hello'), outputTokensMax: 5 }).outputTokensMax).toBe(5)
})

it('what is held covers any question: twice the tokens of English, every tool and every image', () => {
  const ceiling = (route: ReturnType<typeof chatRoute>) => tokens({ quantities: [...route.ceiling] })
  expect(ceiling(chatRoute('gpt', 'chat', { ...ask('x'.repeat(2_000)), outputTokensMax: 10 }))).toEqual({
    input: 1_006,
    output: 10,
  })
  const tools = [{ name: 'look_up', parameters: { type: 'object', description: 'y'.repeat(1_000) } }]
  expect(ceiling(chatRoute('gpt', 'chat', { ...ask('x'), tools })).input).toBeGreaterThan(500)
  const seen = chatRoute('vision', 'see', { messages: questionAbout('What is this?', ['data:a', 'data:b']) })
  expect(seen.ceiling).toContainEqual({ meter: 'image_input', quantity: quantity(2), unit: 'images' })
  expect(seen.needs?.contextTokens).toBeGreaterThan(2_000)
  // A tokenizer may make a token of each byte, of scripts that it has hardly seen.
  expect(ceiling(chatRoute('gpt', 'chat', ask('ꙮ'.repeat(100)))).input).toBeGreaterThanOrEqual(300)
  expect(seen.needs).toMatchObject({ images: true })
})

it('what was used at least counts the question, the words and the tool calls that came', () => {
  const usage = floorUsage(ask('x'.repeat(40)), [
    { type: 'text', text: 'y'.repeat(9) },
    { type: 'tool_call', index: 0, arguments: '{"a":1}' },
    { type: 'finish', finishReason: 'stop', model: 'm' },
  ])
  expect([tokens(usage), usage.certainty]).toEqual([{ input: 10, output: 4 }, 'floor'])
})
