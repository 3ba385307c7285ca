import { readFileSync } from 'node:fs'
import { openai } from '@farebox/providers/openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type OpenaiLoopback, startOpenaiLoopback } from '../loopback/openai.ts'
import { type OpenapiValidator, openapiValidator } from '../support/openapi-validator.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'
import { fullChat } from './full-chat.ts'
import { at } from './openai-harness.ts'
import { collect } from './outcomes.ts'

const SPEC = 'openai.openapi.yaml.gz'
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const context = { signal: new AbortController().signal, attemptId: 'a1' }
const toolCalls = [{ id: 'call_1', name: 'look', arguments: '{}' }]
const SCHEMA_BY_TYPE = { function_call: 'FunctionToolCall', function_call_output: 'FunctionCallOutputItemParam' } as const
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello there' }] }

describe.skipIf(!hasSpec(SPEC))(specTestName("OpenAI's published specification", SPEC), () => {
  let invalid: OpenapiValidator
  let server: OpenaiLoopback
  let answersWithTools = false
  beforeAll(async () => {
    invalid = openapiValidator(readSpec(SPEC))
    const answer = () => (answersWithTools ? { toolCalls } : {})
    server = await startOpenaiLoopback({ chat: answer, converse: answer })
  })
  afterAll(() => server.close())

  const post = (path: string, body: object | FormData) =>
    fetch(server.url + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.apiKey}`,
        ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
      },
      body: body instanceof FormData ? body : JSON.stringify(body),
    })
  const events = async (response: Response): Promise<unknown[]> =>
    (await response.text())
      .split('\n\n')
      .flatMap((block) => /^data: (\{.*)$/m.exec(block)?.[1] ?? [])
      .map((data) => JSON.parse(data))
  const lastRequest = () => server.requests.at(-1)

  it('is broken by a chat answer that lacks a part, so the checks below mean something', () => {
    expect(invalid('CreateChatCompletionResponse', { id: 'x', object: 'chat.completion' })).not.toEqual([])
  })

  it.each([false, true])('is kept by the chats that the loopback answers with (tool calls: %s)', async (withTools) => {
    answersWithTools = withTools
    expect(invalid('CreateChatCompletionResponse', await (await post('/chat/completions', hello)).json())).toEqual([])
    const chunks = await events(
      await post('/chat/completions', { ...hello, stream: true, stream_options: { include_usage: true } }),
    )
    expect(chunks.length).toBeGreaterThan(3)
    for (const chunk of chunks) expect(invalid('CreateChatCompletionStreamResponse', chunk)).toEqual([])
    answersWithTools = false
  })

  it('is kept by the transcriptions, speeches, models and errors that the loopback answers with', async () => {
    const form = (format: string) => {
      const fields = new FormData()
      fields.set('model', 'gpt-transcribe')
      fields.set('response_format', format)
      fields.set('file', new File([question], 'question.wav', { type: 'audio/wav' }))
      return fields
    }
    expect(invalid('CreateTranscriptionResponseJson', await (await post('/audio/transcriptions', form('json'))).json())).toEqual(
      [],
    )
    const verbose = await (await post('/audio/transcriptions', form('verbose_json'))).json()
    expect(invalid('CreateTranscriptionResponseVerboseJson', verbose)).toEqual([])
    const speech = { model: 'gpt-4o-mini-tts', input: 'Hello', voice: 'alloy', stream_format: 'sse' }
    for (const event of await events(await post('/audio/speech', speech))) {
      expect(invalid('CreateSpeechResponseStreamEvent', event)).toEqual([])
    }
    expect(invalid('ErrorResponse', await (await post('/chat/completions', {})).json())).toEqual([])
    const models = await fetch(`${server.url}/models`, { headers: { authorization: `Bearer ${server.apiKey}` } })
    expect(invalid('ListModelsResponse', await models.json())).toEqual([])
  })

  it.each([false, true])('is kept by the responses that the loopback answers with (tool calls: %s)', async (withTools) => {
    answersWithTools = withTools
    const asked = { model: 'gpt-4o-mini', input: 'Hello there' }
    expect(invalid('Response', await (await post('/responses', asked)).json())).toEqual([])
    const told = await events(await post('/responses', { ...asked, stream: true }))
    expect(told.length).toBeGreaterThan(5)
    for (const event of told) expect(invalid('ResponseStreamEvent', event)).toEqual([])
    answersWithTools = false
  })

  it('is kept by the embeddings that the loopback answers with', async () => {
    const asked = { model: 'text-embedding-3-small', input: ['Hello', 'there'] }
    expect(invalid('CreateEmbeddingResponse', await (await post('/embeddings', asked)).json())).toEqual([])
  })

  it('is kept by the responses and embeddings that the adapter asks for', async () => {
    const adapter = openai({ apiKey: server.apiKey, baseURL: server.url, api: 'responses' })
    const check = () => {
      expect(lastRequest()?.path).toBe('/responses')
      const { input, ...rest } = lastRequest()?.body ?? {}
      // Item by item: a message in parts keeps two of the schemas of which the whole asks for one.
      expect(invalid('CreateResponse', { ...rest, input: 'Hello' })).toEqual([])
      for (const item of input as { type?: keyof typeof SCHEMA_BY_TYPE }[])
        expect(invalid(item.type === undefined ? 'EasyInputMessage' : SCHEMA_BY_TYPE[item.type], item)).toEqual([])
    }
    await adapter.chat?.(fullChat, context)
    check()
    await collect(adapter.streamChat?.({ ...fullChat, toolChoice: 'auto' }, context))
    check()
    await adapter.embed?.({ model: 'text-embedding-3-small', inputs: ['Hello', 'there'], dimensions: 8 }, context)
    expect(invalid('CreateEmbeddingRequest', lastRequest()?.body)).toEqual([])
  })

  it('is kept by both sides of a conversation', async () => {
    const said: unknown[] = []
    const client = new WebSocket(`${server.url.replace('http', 'ws')}/realtime?model=gpt-realtime`, {
      headers: { authorization: `Bearer ${server.apiKey}` },
    })
    client.on('message', (data) => said.push(JSON.parse(String(data))))
    answersWithTools = true
    const adapter = openai(at(server))
    const input = (async function* () {
      yield { type: 'text', text: 'Hello' } as const
      yield { type: 'respond' } as const
      yield { type: 'tool_result', toolCallId: 'c1', content: 'a heron' } as const
      yield { type: 'audio', audio: new Uint8Array(800).fill(0x55) } as const
      yield { type: 'audio', audio: new Uint8Array(4_000).fill(0xff) } as const
      yield { type: 'cancel' } as const
      yield { type: 'audio', audio: new Uint8Array(80).fill(0x55) } as const
    })()
    const sound = { encoding: 'mulaw', sampleRate: 8_000 } as const
    const { tools } = fullChat
    const asked = { model: 'gpt-realtime', input, instructions: 'Be brief.', voice: 'marin', outputTokensMax: 50, tools }
    const providerOptions = { audio: { input: { transcription: { model: 'gpt-transcribe' } } } }
    await collect(adapter.converse?.({ ...asked, inputFormat: sound, outputFormat: sound, providerOptions }, context))
    answersWithTools = false
    const sent = [...server.heard]
    for (const event of sent) expect(invalid('RealtimeClientEvent', event)).toEqual([])
    // The same once more for what is answered.
    for (const event of sent) client.send(JSON.stringify(event))
    await expect.poll(() => typesOf(said)).toContain('response.done')
    client.send(JSON.stringify({ type: 'response.cancel' }))
    await expect.poll(() => typesOf(said)).toContain('error')
    client.terminate()
    expect(new Set(typesOf(sent)).size).toBeGreaterThan(4)
    expect(new Set(typesOf(said)).size).toBeGreaterThan(10)
    for (const event of said) expect(invalid('RealtimeServerEvent', event)).toEqual([])
  })

  it('is kept by what the adapter sends', async () => {
    const adapter = openai({ apiKey: server.apiKey, baseURL: server.url })
    await adapter.chat?.({ ...fullChat, stop: ['.'] }, context)
    expect(invalid('CreateChatCompletionRequest', lastRequest()?.body)).toEqual([])
    await collect(adapter.streamChat?.({ ...fullChat, toolChoice: 'auto' }, context))
    expect(invalid('CreateChatCompletionRequest', lastRequest()?.body)).toEqual([])
    for (const model of ['tts-1', 'gpt-4o-mini-tts']) {
      await adapter.speak?.({ model, text: 'Hello', format: 'opus' }, context)
      expect(invalid('CreateSpeechRequest', lastRequest()?.body)).toEqual([])
    }
    await adapter.transcribe?.(
      { model: 'gpt-transcribe', audio: { data: question, mediaType: 'audio/wav' }, language: 'en' },
      context,
    )
    const form = lastRequest()
    expect(
      invalid('CreateTranscriptionRequest', { ...form?.body, stream: form?.body.stream === 'true', file: form?.file?.name }),
    ).toEqual([])
  })
})

function typesOf(events: readonly unknown[]): string[] {
  return events.map((event) => String((event as { type?: unknown }).type))
}
