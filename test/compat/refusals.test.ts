import type { ProviderAdapter } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { describe, expect, it } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { openapiValidator } from '../support/openapi-validator.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'
import { clients, openaiOver, openCompat } from './open-compat.ts'

const SPEC = 'openai.openapi.yaml.gz'
const NO = 'I will not help with that.'
const messages = [{ role: 'user' as const, content: 'Do it.' }]
const schema = { type: 'object', properties: { done: { type: 'boolean' } } }
const chat = {
  model: 'gpt-4o',
  messages,
  response_format: { type: 'json_schema' as const, json_schema: { name: 'done', schema } },
}
const response = {
  model: 'gpt-4o',
  input: 'Do it.',
  text: { format: { type: 'json_schema' as const, name: 'done', schema } },
}

/** A box whose provider declines. */
async function openRefusing(api: 'chat' | 'responses') {
  const server = await openLoopback({ chat: () => ({ text: NO, isRefusal: true }) })
  return openCompat({ provider: openaiOver(server, api) })
}

describe.each(clients)('what a model declines with, to $sdk', ({ Client }) => {
  it.each(['chat', 'responses'] as const)('is a refusal and no answer to be parsed, over a provider’s %s', async (api) => {
    const compat = await openRefusing(api)
    const openai = new Client({ apiKey: compat.account.key, baseURL: compat.baseURL, maxRetries: 0 })
    const refused = { content: null, refusal: NO, parsed: null }
    expect((await openai.chat.completions.parse(chat)).choices[0]?.message).toMatchObject(refused)
    const streamed = await openai.chat.completions.stream(chat).finalChatCompletion()
    expect(streamed.choices[0]?.message).toMatchObject({ refusal: NO, parsed: null })
    const whole = await openai.responses.parse(response)
    const stream = openai.responses.stream(response)
    const types: string[] = []
    for await (const { type } of stream) if (!types.includes(type)) types.push(type)
    for (const { output, output_parsed } of [whole, await stream.finalResponse()]) {
      expect([output_parsed, output]).toMatchObject([null, [{ type: 'message', content: [{ type: 'refusal', refusal: NO }] }]])
    }
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.refusal.delta',
      'response.refusal.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
  })
})

it.each([false, true])('a refusal is given again under an idempotency key (streamed: %s)', async (stream) => {
  const { api, spent } = await openRefusing('chat')
  const again = () => api.post('/v1/chat/completions', { ...chat, stream }, { 'idempotency-key': 'once' })
  const first = await again()
  const cost = await spent()
  await expect.poll(async () => (await again()).status, { interval: 5 }).toBe(200)
  const second = await again()
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  if (stream) expect(String(second.body)).toContain(JSON.stringify({ refusal: NO }))
  else expect(second.body).toEqual(first.body)
  expect(await spent()).toBe(cost)
})

it('likelihoods of a refusal are given again with it', async () => {
  const logprobs = { content: null, refusal: [{ token: 'no', logprob: -0.1, bytes: [110, 111], top_logprobs: [] }] }
  const provider: ProviderAdapter = {
    ...simulated(),
    async *streamChat({ model }) {
      yield { type: 'text', text: 'no', isRefusal: true, logprobs }
      yield { type: 'finish', finishReason: 'stop', model }
    },
  }
  const { api } = await openCompat({ provider })
  const once = () => api.post('/v1/chat/completions', { ...chat, logprobs: true, stream: true }, { 'idempotency-key': 'once' })
  const first = String((await once()).body)
  await expect.poll(async () => (await once()).status, { interval: 5 }).toBe(200)
  expect(first).toContain(JSON.stringify(logprobs))
  expect(String((await once()).body)).toBe(first)
})

it.skipIf(!hasSpec(SPEC))(specTestName('refusals keep the published specification', SPEC), async () => {
  const invalid = openapiValidator(readSpec(SPEC))
  const { api } = await openRefusing('chat')
  const eventsOf = (body: unknown) => [...String(body).matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data))
  expect(invalid('CreateChatCompletionResponse', (await api.post('/v1/chat/completions', chat)).body)).toEqual([])
  expect(invalid('Response', (await api.post('/v1/responses', response)).body)).toEqual([])
  for (const chunk of eventsOf((await api.post('/v1/chat/completions', { ...chat, stream: true })).body)) {
    expect(invalid('CreateChatCompletionStreamResponse', chunk)).toEqual([])
  }
  for (const event of eventsOf((await api.post('/v1/responses', { ...response, stream: true })).body)) {
    expect([event, invalid('ResponseStreamEvent', event)]).toEqual([event, []])
  }
})

it('likelihoods of a call without a text are given again with it, and make no message of a response', async () => {
  const logprobs = { content: [{ token: '{', logprob: -0.1, bytes: [123], top_logprobs: [] }], refusal: null }
  const provider: ProviderAdapter = {
    ...simulated(),
    async *streamChat({ model }) {
      yield { type: 'tool_call', index: 0, id: 'call_1', name: 'look', arguments: '{' }
      yield { type: 'text', text: '', logprobs }
      yield { type: 'tool_call', index: 0, arguments: '}' }
      yield { type: 'finish', finishReason: 'tool_calls', model }
    },
  }
  const { api, openai } = await openCompat({ provider })
  const once = () => api.post('/v1/chat/completions', { ...chat, logprobs: true, stream: true }, { 'idempotency-key': 'once' })
  expect(String((await once()).body)).toContain(JSON.stringify(logprobs))
  await expect.poll(async () => (await once()).status, { interval: 5 }).toBe(200)
  expect(String((await once()).body)).toContain(JSON.stringify(logprobs))
  const { output } = await openai().responses.stream({ model: 'gpt-4o', input: 'Do it.' }).finalResponse()
  expect(output).toMatchObject([{ type: 'function_call', arguments: '{}' }])
})
