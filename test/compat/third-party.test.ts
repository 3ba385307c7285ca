import { readFileSync } from 'node:fs'
import { createOpenAI } from '@ai-sdk/openai'
import { HumanMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import {
  tool as aiTool,
  embedMany,
  generateSpeech,
  generateText,
  isStepCount,
  jsonSchema,
  Output,
  streamText,
  transcribe,
} from 'ai'
import { describe, expect, it } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { openaiOver, openCompat } from './open-compat.ts'

const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const city = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'] }

function citiesOnly(value: unknown) {
  const isCity = typeof value === 'object' && value !== null && 'city' in value && typeof value.city === 'string'
  return isCity
    ? { success: true as const, value: { city: String(value.city) } }
    : { success: false as const, error: new Error('no city') }
}

/** A box over a provider that asks for the weather once, and then says what it was told. */
async function openWeather() {
  const server = await openLoopback({
    chat: ({ messages }) =>
      JSON.stringify(messages).includes('sunny')
        ? { text: 'It is sunny in Graz.' }
        : { toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Graz"}' }] },
  })
  return { server, ...(await openCompat({ provider: openaiOver(server) })) }
}

describe.each(['chat', 'responses'] as const)("the AI SDK's OpenAI provider, over %s", (api) => {
  const modelOf = ({ account, baseURL }: Awaited<ReturnType<typeof openCompat>>, model: string) =>
    createOpenAI({ apiKey: account.key, baseURL })[api](model)

  it('chats', async () => {
    const compat = await openCompat()
    const { text, usage, finishReason } = await generateText({ model: modelOf(compat, 'gpt-4o'), prompt: 'When do you open?' })
    expect(text).toContain('When do you open?')
    expect([usage.inputTokens, finishReason]).toEqual([9, 'stop'])
  })

  it('gets an object of its schema from a simulated provider too', async () => {
    const compat = await openCompat()
    const schema = jsonSchema<{ city: string }>({ ...city, additionalProperties: false }, { validate: citiesOnly })
    const asked = { prompt: 'Where?', output: Output.object({ schema }) }
    const { output } = await generateText({ model: modelOf(compat, 'auto'), ...asked })
    const streamed = await streamText({ model: modelOf(compat, 'auto'), ...asked }).output
    expect([output, streamed]).toEqual(Array(2).fill({ city: expect.any(String) }))
  })

  it('streams', async () => {
    const compat = await openCompat()
    const { textStream, usage } = streamText({ model: modelOf(compat, 'auto'), prompt: 'When do you open?' })
    const parts: string[] = []
    for await (const part of textStream) parts.push(part)
    expect(parts.length).toBeGreaterThan(5)
    expect(parts.join('')).toContain('When do you open?')
    expect((await usage).inputTokens).toBe(9)
  })

  it.each([false, true])('runs tools (streamed: %s)', async (isStreamed) => {
    const compat = await openWeather()
    const asked: string[] = []
    const options = {
      model: modelOf(compat, 'gpt-4o'),
      prompt: 'The weather in Graz?',
      stopWhen: isStepCount(3),
      tools: {
        weather: aiTool({
          inputSchema: jsonSchema<{ city: string }>(city),
          execute: async (input) => {
            asked.push(input.city)
            return 'sunny'
          },
        }),
      },
    }
    const text = isStreamed ? await streamText(options).text : (await generateText(options)).text
    expect(text).toBe('It is sunny in Graz.')
    expect(asked).toEqual(['Graz'])
    expect(compat.server.requests).toHaveLength(2)
  })
})

describe.each(['chat', 'responses'] as const)("the AI SDK's OpenAI provider, over %s", (api) => {
  it('is told that a stream broke off', async () => {
    const server = await openLoopback({ chat: () => ({ text: 'a long story that nobody hears the end of' }) })
    server.fail({ type: 'cut', after: 5 })
    const { account, baseURL } = await openCompat({ provider: openaiOver(server) })
    const model = createOpenAI({ apiKey: account.key, baseURL })[api]('gpt-4o')
    const errors: unknown[] = []
    const onError = ({ error }: { error: unknown }) => void errors.push(error)
    await streamText({ model, prompt: 'A story', maxRetries: 0, onError }).consumeStream()
    expect(errors).toMatchObject([{ message: expect.stringContaining('gpt-4o ended early'), code: 'stream_cut' }])
  })
})

describe("the AI SDK's OpenAI provider", () => {
  it('talks on over responses when it is told that nothing is stored, and is told so', async () => {
    const { openai: _, account, baseURL } = await openCompat()
    const model = createOpenAI({ apiKey: account.key, baseURL })('gpt-4o')
    const talk = async (options: { providerOptions?: { openai: { store: false } } }) => {
      const first = await generateText({ model, prompt: 'One', ...options })
      const messages = [
        { role: 'user' as const, content: 'One' },
        ...first.response.messages,
        { role: 'user' as const, content: 'Two' },
      ]
      return (await generateText({ model, messages, ...options })).text
    }
    await expect(talk({})).rejects.toThrow('nothing is stored')
    expect(await talk({ providerOptions: { openai: { store: false } } })).toContain('Two')
  })

  const providerOf = ({ account, baseURL }: Awaited<ReturnType<typeof openCompat>>) =>
    createOpenAI({ apiKey: account.key, baseURL })

  it('turns texts into vectors', async () => {
    const model = providerOf(await openCompat()).embedding('text-embedding-3-small')
    const { embeddings, usage } = await embedMany({ model, values: ['a farebox', 'a turnstile'] })
    expect([embeddings.length, embeddings[0]?.length, usage.tokens]).toEqual([2, 1_536, 6])
  })

  it('speaks and transcribes', async () => {
    const provider = providerOf(await openCompat())
    const { audio } = await generateSpeech({ model: provider.speech('tts-1'), text: 'hello' })
    expect(audio.uint8Array.length).toBeGreaterThan(100)
    const transcript = await transcribe({ model: provider.transcription('gpt-transcribe'), audio: question })
    expect(transcript.text).not.toBe('')
    const providerOptions = { openai: { responseFormat: 'verbose_json' } }
    const verbose = await transcribe({ model: provider.transcription('deepgram'), audio: question, providerOptions })
    expect(verbose.durationInSeconds).toBeGreaterThan(1)
  })
})

it("LangChain's OpenAIEmbeddings turn texts into vectors", async () => {
  const { account, baseURL } = await openCompat()
  const embeddings = new OpenAIEmbeddings({ apiKey: account.key, model: 'text-embedding-3-small', configuration: { baseURL } })
  const vectors = await embeddings.embedDocuments(['a farebox', 'a turnstile'])
  expect(vectors.map(({ length }) => length)).toEqual([1_536, 1_536])
})

it('OpenAI’s client gets arguments of a tool and JSON that fit from a simulated provider', async () => {
  const { openai } = await openCompat()
  const ask = { model: 'auto', messages: [{ role: 'user' as const, content: 'hello' }] }
  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: city } }]
  const { choices } = await openai().chat.completions.create({ ...ask, tools, tool_choice: 'required' })
  const [call] = choices[0]?.message.tool_calls ?? []
  expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) })
  const plain = await openai().chat.completions.create({ ...ask, response_format: { type: 'json_object' } })
  expect(JSON.parse(plain.choices[0]?.message.content ?? '')).toEqual({ answer: expect.stringContaining('hello') })
})

describe.each([false, true])("LangChain's ChatOpenAI (over responses: %s)", (useResponsesApi) => {
  const chatOf = ({ account, baseURL }: Awaited<ReturnType<typeof openCompat>>, model: string) =>
    new ChatOpenAI({ apiKey: account.key, model, maxRetries: 0, useResponsesApi, configuration: { baseURL } })

  it('chats', async () => {
    const answer = await chatOf(await openCompat(), 'gpt-4o').invoke('When do you open?')
    expect(answer.text).toContain('When do you open?')
    expect(answer.usage_metadata).toMatchObject({ input_tokens: 9 })
  })

  it('streams', async () => {
    const parts: string[] = []
    for await (const part of await chatOf(await openCompat(), 'auto').stream('When do you open?')) parts.push(part.text)
    expect(parts.length).toBeGreaterThan(5)
    expect(parts.join('')).toContain('When do you open?')
  })

  it('runs tools', async () => {
    const weather = tool(async () => 'sunny', { name: 'weather', description: 'The weather', schema: city })
    const chat = chatOf(await openWeather(), 'gpt-4o').bindTools([weather])
    const question = new HumanMessage('The weather in Graz?')
    const first = await chat.invoke([question])
    expect(first.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Graz' } }])
    const [call] = first.tool_calls ?? []
    const result = new ToolMessage({ content: 'sunny', tool_call_id: call?.id ?? '' })
    expect((await chat.invoke([question, first, result])).text).toBe('It is sunny in Graz.')
  })
})
