import { readFileSync } from 'node:fs'
import { openai } from '@farebox/providers/openai'
import { beforeAll, describe, expect, it } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { type OpenapiValidator, openapiValidator } from '../support/openapi-validator.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'
import { openaiOver, openCompat } from './open-compat.ts'

const SPEC = 'openai.openapi.yaml.gz'
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const hello = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }
const toolCalls = [{ id: 'call_1', name: 'look', arguments: '{}' }]

describe.skipIf(!hasSpec(SPEC))(specTestName("OpenAI's published specification", SPEC), () => {
  let invalid: OpenapiValidator
  beforeAll(() => {
    invalid = openapiValidator(readSpec(SPEC))
  })

  const open = async (withTools: boolean) => {
    const server = await openLoopback({ chat: () => (withTools ? { text: 'I look.', toolCalls } : {}) })
    return openCompat({ provider: openaiOver(server) })
  }
  const eventsOf = (body: unknown): unknown[] =>
    String(body)
      .split('\n\n')
      .flatMap((block) => /^data: (\{.*)$/m.exec(block)?.[1] ?? [])
      .map((data) => JSON.parse(data))

  it.each([false, true])('is kept by our chats (tool calls: %s)', async (withTools) => {
    const { api } = await open(withTools)
    expect(invalid('CreateChatCompletionResponse', (await api.post('/v1/chat/completions', hello)).body)).toEqual([])
    const streamed = await api.post('/v1/chat/completions', { ...hello, stream: true, stream_options: { include_usage: true } })
    const chunks = eventsOf(streamed.body)
    expect(chunks.length).toBeGreaterThan(3)
    for (const chunk of chunks) expect(invalid('CreateChatCompletionStreamResponse', chunk)).toEqual([])
  })

  it.each([false, true])('is kept by our responses (tool calls: %s)', async (withTools) => {
    const { api } = await open(withTools)
    const tools = [{ type: 'function', name: 'look' }]
    const ask = { model: 'gpt-4o', input: 'hello', instructions: 'Be brief.', ...(withTools && { tools }) }
    expect(invalid('Response', (await api.post('/v1/responses', ask)).body)).toEqual([])
    const events = eventsOf((await api.post('/v1/responses', { ...ask, stream: true })).body)
    expect(events.length).toBeGreaterThan(6)
    for (const event of events) expect([event, invalid('ResponseStreamEvent', event)]).toEqual([event, []])
  })

  it('is kept by our vectors, transcripts, sounds, models and errors', async () => {
    const { api } = await openCompat()
    const embeddings = await api.post('/v1/embeddings', { model: 'auto', input: ['hello'] })
    expect(invalid('CreateEmbeddingResponse', embeddings.body)).toEqual([])
    for (const [format, schema] of [
      ['json', 'CreateTranscriptionResponseJson'],
      ['verbose_json', 'CreateTranscriptionResponseVerboseJson'],
    ] as const) {
      const form = new FormData()
      form.set('model', 'auto')
      form.set('response_format', format)
      form.set('file', new Blob([question]), 'question.wav')
      expect(invalid(schema, (await api.post('/v1/audio/transcriptions', form)).body)).toEqual([])
    }
    expect(invalid('ListModelsResponse', (await api.get('/v1/models')).body)).toEqual([])
    expect(invalid('Model', (await api.get('/v1/models/auto')).body)).toEqual([])
    expect(invalid('ErrorResponse', (await api.post('/v1/chat/completions', {})).body)).toEqual([])
    const server = await openLoopback()
    const provider = openai({ apiKey: server.apiKey, baseURL: server.url, models: { speak: 'gpt-4o-mini-tts' } })
    const speaker = (await openCompat({ provider })).api
    const spoken = await speaker.post('/v1/audio/speech', { model: 'auto', input: 'hello', stream_format: 'sse' })
    for (const event of eventsOf(spoken.body))
      expect([event, invalid('CreateSpeechResponseStreamEvent', event)]).toEqual([event, []])
  })
})
