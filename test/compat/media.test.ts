import { readFileSync } from 'node:fs'
import { credits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { toFile } from 'openai'
import { describe, expect, it } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { openaiOver, openCompat, pairs } from './open-compat.ts'

const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))

describe.each(pairs)('$sdk at $name', ({ host, Client }) => {
  it('turns texts into vectors, which its own base64 and plain numbers agree on', async () => {
    const { openai, spent } = await openCompat({ host, Client })
    const ask = { model: 'text-embedding-3-small', input: ['a farebox', 'a turnstile'], dimensions: 8 }
    const { data: encoded, response } = await openai().embeddings.create(ask).withResponse()
    const plain = await openai().embeddings.create({ ...ask, encoding_format: 'float' })
    expect(encoded).toMatchObject({
      object: 'list',
      model: 'text-embedding-3-small',
      usage: { prompt_tokens: 6, total_tokens: 6 },
    })
    expect(encoded.data.map(({ index }) => index)).toEqual([0, 1])
    const vectors = plain.data.map(({ embedding }) => [...Float32Array.from(embedding)])
    expect(encoded.data.map(({ embedding }) => [...embedding])).toEqual(vectors)
    expect(vectors[0]).toHaveLength(8)
    expect(response.headers.get('x-farebox-credits-used')).toBe('1')
    expect(await spent()).toBe(credits(2))
  })

  it('speaks: the whole, the bytes as they come, and events', async () => {
    const server = await openLoopback({ speak: () => [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4, 5)] })
    const { openai, api, spent } = await openCompat({ host, Client, provider: openaiOver(server) })
    const ask = { model: 'tts-1', input: 'x'.repeat(1_000), voice: 'nova', speed: 1.5 }
    const whole = await openai().audio.speech.create(ask)
    expect([...new Uint8Array(await whole.arrayBuffer())]).toEqual([1, 2, 3, 4, 5])
    expect(whole.headers.get('content-type')).toBe('audio/mpeg')
    expect(whole.headers.get('x-farebox-credits-used')).toBe('1')
    expect(server.requests[0]?.body).toMatchObject({ model: 'tts-1', voice: 'nova', speed: 1.5 })

    const streamed = await openai().audio.speech.create({
      ...ask,
      model: 'openai-tts',
      response_format: 'opus',
      stream_format: 'audio',
    })
    expect([...new Uint8Array(await streamed.arrayBuffer())]).toEqual([1, 2, 3, 4, 5])
    expect(streamed.headers.get('content-type')).toBe('audio/opus')

    const events = String((await api.post('/v1/audio/speech', { ...ask, stream_format: 'sse' })).body)
    const parsed = events.split('\n\n').flatMap((event) => (event ? [JSON.parse(event.slice('data: '.length))] : []))
    expect(parsed.slice(0, -1).map(({ type, audio }) => [type, audio])).toEqual([
      ['speech.audio.delta', 'AQI='],
      ['speech.audio.delta', 'Aw=='],
      ['speech.audio.delta', 'BAU='],
    ])
    expect(parsed.at(-1)).toMatchObject({ type: 'speech.audio.done', farebox: { provider: 'openai-tts', credits_used: 1 } })
    expect(await spent()).toBe(credits(3))
  })

  it('transcribes, in every form that there is', async () => {
    const { openai, spent } = await openCompat({ host, Client, provider: simulated() })
    const form = async () => ({ file: await toFile(question, 'question.wav'), model: 'auto' })
    const transcriptions = openai().audio.transcriptions
    const { data: json, response } = await transcriptions.create({ ...(await form()), language: 'en' }).withResponse()
    expect(json).toEqual({ text: expect.any(String), usage: { type: 'duration', seconds: expect.any(Number) } })
    expect(response.headers.get('x-farebox-provider')).toBe('deepgram')
    const verbose = await transcriptions.create({ ...(await form()), response_format: 'verbose_json' })
    expect(verbose).toMatchObject({ task: 'transcribe', language: 'en', text: json.text, duration: expect.any(Number) })
    const plain = await transcriptions.create({ ...(await form()), response_format: 'text' })
    expect(plain).toBe(`${json.text}\n`)
    expect(await spent()).toBeGreaterThan(0n)
  })

  it('lists what may be asked for, and finds it', async () => {
    const { openai, box, account } = await openCompat({ host, Client })
    const agent = await box.agents.create({ accountId: account.accountId, agentId: 'desk' })
    const ids: string[] = []
    for await (const { id, object } of openai().models.list()) ids.push(`${object} ${id}`)
    expect(ids).toEqual(
      expect.arrayContaining(
        ['gpt-4o-mini', 'text-embedding-3-small', 'openai-tts', 'deepgram', 'auto', 'costOptimized', 'languagelearning'].map(
          (id) => `model ${id}`,
        ),
      ),
    )
    expect(await openai().models.retrieve('gpt-4o')).toEqual({
      id: 'gpt-4o',
      object: 'model',
      created: 0,
      owned_by: 'simulated',
    })
    expect(await openai().models.retrieve('tts-1')).toMatchObject({ id: 'tts-1', owned_by: 'simulated' })
    expect(await openai().models.retrieve(agent.agentId)).toMatchObject({ id: 'desk', owned_by: 'farebox' })
    await expect(openai().models.retrieve('gpt-nothing')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })
})

it.each([
  ['/v1/embeddings', 'input.0', { model: 'auto', input: [[1, 2]] }],
  ['/v1/embeddings', 'input.0', { model: 'auto', input: [1, 2] }],
  ['/v1/embeddings', 'input', { model: 'auto', input: '' }],
  ['/v1/audio/speech', 'response_format', { model: 'auto', input: 'hello', response_format: 'flac' }],
])('%s refuses a wrong %s by name', async (path, param, body) => {
  const { api } = await openCompat()
  expect(await api.post(path, body)).toMatchObject({ status: 422, body: { error: { param, code: 'invalid_body' } } })
})

it.each([
  ['file', {}],
  ['model', { file: new Blob([question]) }],
  ['response_format', { file: new Blob([question]), model: 'auto', response_format: 'srt' }],
  ['stream', { file: new Blob([question]), model: 'auto', stream: 'true' }],
  ['timestamp_granularities[]', { file: new Blob([question]), model: 'auto', 'timestamp_granularities[]': 'word' }],
  ['timestamp_granularities', { file: new Blob([question]), model: 'auto', timestamp_granularities: 'word' }],
  ['include', { file: new Blob([question]), model: 'auto', include: 'logprobs' }],
  ['file', { file: new Blob(['no sound']), model: 'auto' }],
])('a transcription refuses a wrong %s by name', async (param, fields) => {
  const { api } = await openCompat()
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  expect(await api.post('/v1/audio/transcriptions', form)).toMatchObject({ status: 422, body: { error: { param } } })
})

it('a verbose transcription names a language and a duration, also where its provider tells none', async () => {
  const server = await openLoopback({ transcribe: () => ({ text: 'hello' }) })
  const { openai } = await openCompat({ provider: openaiOver(server) })
  const verbose = async (language?: string) => {
    const form = { file: new File([question], 'question.wav'), model: 'auto', response_format: 'verbose_json' as const }
    return openai().audio.transcriptions.create({ ...form, ...(language && { language }) })
  }
  expect(await verbose()).toMatchObject({ text: 'hello', language: 'und', duration: expect.any(Number) })
  expect(await verbose('de')).toMatchObject({ language: 'de' })
})

it('a form is read whatever the case of its media type', async () => {
  const { api } = await openCompat()
  const form = new FormData()
  form.set('model', 'auto')
  form.set('file', new Blob([question]), 'question.wav')
  const sent = new Request('http://127.0.0.1', { method: 'POST', body: form })
  const type = (sent.headers.get('content-type') ?? '').replace('multipart/form-data', 'Multipart/Form-Data')
  const answer = await api.post('/v1/audio/transcriptions', new Uint8Array(await sent.arrayBuffer()), { 'content-type': type })
  expect([answer.status, answer.body]).toEqual([200, { text: expect.any(String), usage: expect.anything() }])
})

it('hands other parameters of vectors on to OpenAI, and to nobody else', async () => {
  const server = await openLoopback()
  const { api } = await openCompat({ provider: openaiOver(server) })
  const own = { user: 'u_1', input_type: 'query' }
  const body = { model: 'text-embedding-3-small', input: 'hello', encoding_format: 'base64', ...own }
  expect((await api.post('/v1/embeddings', body)).status).toBe(200)
  expect(server.requests[0]?.body).toEqual({ ...body, input: ['hello'], encoding_format: 'float' })
  const base = simulated({ services: ['embedding'] })
  const given: unknown[] = []
  const embed: typeof base.embed = (request, context) => {
    given.push(request)
    return base.embed?.(request, context) as ReturnType<NonNullable<typeof base.embed>>
  }
  const elsewhere = await openCompat({ provider: { ...base, embed } })
  expect((await elsewhere.api.post('/v1/embeddings', body)).status).toBe(200)
  expect(given).toEqual([{ inputs: ['hello'], model: expect.any(String), dimensions: undefined }])
})

it('hands lists of a transcription on as lists', async () => {
  const server = await openLoopback()
  const { openai } = await openCompat({ provider: openaiOver(server) })
  const file = new File([question], 'question.wav')
  const lists = { keywords: ['Graz, Styria', 'Linz'], languages: ['de'] }
  await openai().audio.transcriptions.create({ model: 'openai-whisper', file, ...lists })
  expect(server.requests[0]?.body).toMatchObject({ 'keywords[]': lists.keywords, 'languages[]': 'de' })
})

it.each(['keywords', 'keywords[]'])('tells lists of a transcription apart by their entries, named %s', async (name) => {
  const server = await openLoopback()
  const { api } = await openCompat({ provider: openaiOver(server) })
  const post = (...keywords: string[]) => {
    const form = new FormData()
    form.set('file', new Blob([question]))
    form.set('model', 'openai-whisper')
    for (const keyword of keywords) form.append(name, keyword)
    return api.post('/v1/audio/transcriptions', form, { 'idempotency-key': 'once' })
  }
  expect((await post('Graz, Styria', 'Linz')).status).toBe(200)
  expect(server.requests[0]?.body).toMatchObject({ 'keywords[]': ['Graz, Styria', 'Linz'] })
  expect((await post('Graz, Styria', 'Linz')).headers.get('idempotency-replayed')).toBe('true')
  expect((await post('Graz', ' Styria,Linz')).status).toBe(409)
})

it('speaks with a voice of OpenAI’s at OpenAI alone, and hands any other on', async () => {
  const voices: (string | undefined)[] = []
  const base = simulated({ services: ['voice_tts'] })
  const { openai } = await openCompat({
    provider: {
      ...base,
      speak(request, context) {
        voices.push(request.voice)
        return base.speak?.(request, context) as ReturnType<NonNullable<typeof base.speak>>
      },
    },
  })
  await openai().audio.speech.create({ model: 'elevenlabs', input: 'hello', voice: 'alloy' })
  await openai().audio.speech.create({ model: 'elevenlabs', input: 'hello', voice: 'Rachel' })
  expect(voices).toEqual([undefined, 'Rachel'])
})

it('speaks with a custom voice of OpenAI’s there, by its id, and elsewhere with another', async () => {
  const server = await openLoopback()
  const custom = { input: 'hello', voice: { id: 'voice_1234' } }
  const { openai } = await openCompat({ provider: openaiOver(server) })
  for (const stream_format of [undefined, 'audio' as const]) {
    await openai().audio.speech.create({ ...custom, model: 'openai-tts', stream_format })
  }
  expect(server.requests.map(({ body }) => body.voice)).toEqual([custom.voice, custom.voice])
  const voices: (string | undefined)[] = []
  const base = simulated({ services: ['voice_tts'] })
  const elsewhere = await openCompat({
    provider: {
      ...base,
      speak(request, context) {
        voices.push(request.voice)
        return base.speak?.(request, context) as ReturnType<NonNullable<typeof base.speak>>
      },
    },
  })
  await elsewhere.openai().audio.speech.create({ ...custom, model: 'elevenlabs' })
  expect(voices).toEqual([undefined])
})
