import { credits } from '@farebox/core'
import { anthropic } from '@farebox/providers/anthropic'
import type OpenAI from 'openai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { startAnthropicLoopback } from '../loopback/anthropic.ts'
import { openaiOver, openCompat, pairs } from './open-compat.ts'

const ask = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'When do you open?' }] }

const weather: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
    strict: true,
  },
}

describe.each(pairs)('$sdk at $name', ({ host, Client }) => {
  it('chats, and is told what it cost', async () => {
    const { box, account, openai, spent } = await openCompat({ host, Client })
    const { data, response } = await openai().chat.completions.create(ask).withResponse()
    expect(data).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'gpt-4o-mini',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: expect.stringContaining('When do you open?'), refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 9,
        completion_tokens: expect.any(Number),
        total_tokens: expect.any(Number),
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      },
    })
    const header = (name: string) => response.headers.get(`x-farebox-${name}`)
    expect([header('provider'), header('credits-used'), header('balance'), header('simulated')]).toEqual([
      'gpt-4o-mini',
      '1',
      '9999',
      'true',
    ])
    expect(await spent()).toBe(credits(1))
    const workflow = await box.ledger.workflow(account.accountId, header('workflow-id') ?? '')
    expect(workflow).toMatchObject({ name: 'chat', spent: credits(1) })
  })

  it('streams: the role first, then words, why it ended, and the usage with what it cost', async () => {
    const { openai, spent } = await openCompat({ host, Client })
    const { data: stream, response } = await openai()
      .chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })
      .withResponse()
    const chunks: OpenAI.ChatCompletionChunk[] = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks[0]).toEqual({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion.chunk',
      created: expect.any(Number),
      model: 'gpt-4o-mini',
      choices: [{ index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null }],
      usage: null,
    })
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
    expect(text).toContain('You asked: “When do you open?”')
    expect(chunks.at(-2)?.choices).toEqual([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }])
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 9, total_tokens: expect.any(Number) },
      farebox: {
        provider: 'gpt-4o-mini',
        credits_used: 1,
        balance: 9_999,
        workflow_id: response.headers.get('x-farebox-workflow-id'),
      },
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('x-farebox-balance')).toBe('10000')
    expect(await spent()).toBe(credits(1))
  })

  it('takes a tool call and gives its result, plain and streamed', async () => {
    const server = await openLoopback({
      chat: ({ messages }) =>
        messages.at(-1)?.role === 'tool'
          ? { text: `It is ${JSON.stringify(messages.at(-1)?.content)}.` }
          : { toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Graz"}' }] },
    })
    const { openai } = await openCompat({ host, Client, provider: openaiOver(server) })
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'The weather in Graz?' }]
    const tools = [weather]
    const first = await openai().chat.completions.create({ ...ask, messages, tools, tool_choice: 'required' })
    const [choice] = first.choices
    expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
    const runner = openai().chat.completions.stream({ ...ask, messages, tools })
    expect((await runner.finalChatCompletion()).choices[0]?.message.tool_calls).toMatchObject(choice?.message.tool_calls ?? [])
    expect(choice?.message.tool_calls).toEqual([
      { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Graz"}' } },
    ])
    if (choice) messages.push(choice.message, { role: 'tool', tool_call_id: 'call_1', content: 'sunny' })
    const second = await openai().chat.completions.create({ ...ask, messages, tools })
    expect(second.choices[0]?.message.content).toBe('It is "sunny".')
    expect(server.requests[0]?.body).toMatchObject({ tools, tool_choice: 'required' })
    expect(server.requests[2]?.body.messages).toEqual([
      { role: 'user', content: 'The weather in Graz?' },
      { role: 'assistant', content: null, tool_calls: choice?.message.tool_calls },
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
    ])
  })
})

it('a chat tells what of its prompt was read from a cache, and what was written to one', async () => {
  const answer = { text: 'Hi', inputTokens: 5, cachedTokens: 20, cacheWrites: { fiveMinutes: 30, oneHour: 0 } }
  const server = await startAnthropicLoopback({ answer: () => answer })
  onTestFinished(() => server.close())
  const { openai } = await openCompat({ provider: anthropic({ apiKey: server.apiKey, baseURL: server.url }) })
  const asked = { ...ask, model: 'claude-3-haiku' }
  const { usage } = await openai().chat.completions.create(asked)
  const told = { prompt_tokens: 55, prompt_tokens_details: { cached_tokens: 20, cache_write_tokens: 30 } }
  expect(usage).toMatchObject(told)
  const runner = openai().chat.completions.stream({ ...asked, stream_options: { include_usage: true } })
  expect(await runner.totalUsage()).toMatchObject({ prompt_tokens: 55 })
  expect((await runner.finalChatCompletion()).usage).toMatchObject(told)
})
