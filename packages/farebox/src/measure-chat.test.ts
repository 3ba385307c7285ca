import { expect, it } from 'vitest'
import { measureChat } from './measure-chat.ts'
import type { ChatInput } from './workflow-calls.ts'

it('many images are read in turns, so that others are served meanwhile', async () => {
  const url = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAYAAAAfFcSJ'
  const content = Array.from({ length: 2_000 }, () => ({ type: 'image' as const, url }))
  let turns = 0
  let isOver = false
  const others = () => {
    turns += 1
    if (!isOver) setImmediate(others)
  }
  setImmediate(others)
  const { images } = await measureChat({ messages: [{ role: 'user', content }] }, [])
  isOver = true
  expect(images).toEqual(content.map(() => ({ width: 2, height: 3 })))
  expect(turns).toBeGreaterThanOrEqual(20)
})

const offers = [{ service: 'gpt', provider: 'gpt-4o', model: 'gpt-4o', capabilities: {}, quality: 1, latencyMs: 1 }]
const measured = (input: Partial<ChatInput>) => measureChat({ messages: [{ role: 'user', content: 'Hello' }], ...input }, offers)

it('the largest of the options that a chat may be sent with is counted, wherever it stands', async () => {
  const large = { response_format: 'a schema of many words '.repeat(50) }
  const { other } = await measured({ dialectOptions: { 'openai-chat': large } })
  expect(other.tokens.o200k_base).toBeGreaterThan(200)
  const small = { temperature: 1 }
  const both = [
    { 'openai-chat': large, 'openai-responses': small },
    { 'openai-responses': small, 'openai-chat': large },
  ]
  for (const dialectOptions of both) expect((await measured({ dialectOptions })).other).toEqual(other)
})

it('the name of whoever speaks is counted', async () => {
  const named = await measured({ messages: [{ role: 'user', content: 'Hello', name: 'Herodotus of Halicarnassus' }] })
  const { text } = await measured({})
  expect(named.text.tokens.o200k_base).toBeGreaterThan((text.tokens.o200k_base ?? 0) + 3)
})
