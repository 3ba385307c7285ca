import { readFileSync } from 'node:fs'
import { deepgram } from '@farebox/providers/deepgram'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { parse } from 'yaml'
import { type DeepgramLoopback, startDeepgramLoopback } from '../loopback/deepgram.ts'
import { legacyError, listenResponse, modernError } from '../loopback/deepgram-answers.ts'
import { type OpenapiValidator, openapiValidator } from '../support/openapi-validator.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'

const REST = 'deepgram.openapi.yml.gz'
const LIVE = 'deepgram.asyncapi.yml.gz'
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const context = { signal: new AbortController().signal, attemptId: 'a1' }
const id = '00000000-0000-4000-8000-000000000001'

let server: DeepgramLoopback
beforeAll(async () => {
  server = await startDeepgramLoopback({
    requests: [{ request_id: id, created: '2026-11-20T18:00:00.000Z', path: '/v1/listen', code: 200 }],
    details: { [id]: { usd: 0.00333061, duration: 25.933313 } },
  })
})
afterAll(() => server.close())

const adapterOf = ({ apiKey, url }: DeepgramLoopback) => deepgram({ apiKey, baseUrl: url })

describe.skipIf(!hasSpec(REST))(specTestName("Deepgram's specification of its requests", REST), () => {
  let invalid: OpenapiValidator
  let parametersOf: (path: string, method: string) => string[]
  beforeAll(() => {
    const text = readSpec(REST)
    invalid = openapiValidator(text)
    const { paths } = parse(text) as { paths: Record<string, Record<string, { parameters: { name: string; in: string }[] }>> }
    parametersOf = (path, method) =>
      (paths[path]?.[method]?.parameters ?? []).flatMap(({ name, in: place }) => (place === 'query' ? [name] : []))
  })

  const ask = async (path: string, init: RequestInit = {}) =>
    (await fetch(server.url + path, { ...init, headers: { authorization: `Token ${server.apiKey}`, ...init.headers } })).json()
  const lastQuery = () => [...(server.requests.at(-1)?.query.keys() ?? [])]

  it('is broken by an answer that lacks a part, so the checks below mean something', () => {
    const { results } = listenResponse(id, 'nova-3', {})
    expect(invalid('ListenV1Response', { results })).not.toEqual([])
  })

  it('is kept by what the loopback answers', async () => {
    const sound = { method: 'POST', body: question, headers: { 'content-type': 'application/octet-stream' } }
    expect(invalid('ListenV1Response', await ask('/v1/listen?model=nova-3', sound))).toEqual([])
    expect(invalid('ListenV1AcceptedResponse', await ask('/v1/listen?callback=x', sound))).toEqual([])
    const summarised = listenResponse(id, 'nova-3', {
      language: 'en',
      channels: ['a', 'b'],
      summaryTokens: { input: 1, output: 2 },
    })
    expect(invalid('ListenV1Response', summarised)).toEqual([])
    const { projects } = (await ask('/v1/projects')) as { projects: { project_id: string }[] }
    expect(invalid('ListProjectsV1Response', { projects })).toEqual([])
    const requests = `/v1/projects/${projects[0]?.project_id}/requests`
    expect(invalid('ListProjectRequestsV1Response', await ask(requests))).toEqual([])
    expect(invalid('GetProjectRequestV1Response', await ask(`${requests}/${id}`))).toEqual([])
  })

  it('is kept by its errors, in both styles', async () => {
    expect(invalid('ErrorResponseLegacyError', await ask('/v1/listen', { method: 'POST' }))).toEqual([])
    const speech = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
    expect(invalid('ErrorResponseModernError', await ask('/v1/speak', speech))).toEqual([])
    expect(Object.keys(legacyError('a', 'b'))).toEqual(['err_code', 'err_msg', 'request_id'])
    expect(Object.keys(modernError('a', 'b', 'c'))).toEqual(['category', 'message', 'details', 'request_id'])
  })

  it('is kept by what the adapter sends', async () => {
    const adapter = adapterOf(server)
    const audio = { data: question, mediaType: 'audio/wav' }
    for (const language of [undefined, 'en']) {
      await adapter.transcribe?.({ model: 'nova-3', audio, language }, context)
      expect(parametersOf('/v1/listen', 'post')).toEqual(expect.arrayContaining(lastQuery()))
    }
    expect(invalid('V1ListenPostParametersModel0', 'nova-3')).toEqual([])
    // By the schema of its encoding: the three that allow wav make the union of all match none.
    for (const [format, container] of [
      ['mp3', ''],
      ['wav', '1'],
      ['opus', '4'],
      ['pcm', '0'],
    ] as const) {
      await adapter.speak?.({ model: 'aura-2-thalia-en', text: 'Hello', format }, context)
      const { body, query } = server.requests.at(-1) ?? {}
      expect(invalid('SpeakV1Request', body)).toEqual([])
      expect(parametersOf('/v1/speak', 'post')).toEqual(expect.arrayContaining(lastQuery()))
      expect(invalid('V1SpeakPostParametersEncoding', query?.get('encoding'))).toEqual([])
      if (container) expect(invalid(`V1SpeakPostParametersContainer${container}`, query?.get('container'))).toEqual([])
      expect(invalid('V1SpeakPostParametersModel', query?.get('model'))).toEqual([])
    }
    for await (const _ of adapter.records?.({ from: 0, until: Date.now() }, context) ?? []) {
      // The request is what is looked at.
    }
    const listed = server.requests.filter(({ path }) => path.endsWith('/requests')).at(-1)
    expect(parametersOf('/v1/projects/{project_id}/requests', 'get')).toEqual(
      expect.arrayContaining([...(listed?.query.keys() ?? [])]),
    )
  })
})

describe.skipIf(!hasSpec(LIVE))(specTestName("Deepgram's specification of its live messages", LIVE), () => {
  let invalid: OpenapiValidator
  let schemaByParameter: Record<string, string>
  beforeAll(() => {
    const text = readSpec(LIVE)
    invalid = openapiValidator(text)
    const { channels } = parse(text) as {
      channels: Record<string, { bindings: { ws: { query: { properties: Record<string, { $ref: string }> } } } }>
    }
    const properties = channels['/v1/listen']?.bindings.ws.query.properties ?? {}
    schemaByParameter = Object.fromEntries(
      Object.entries(properties).map(([name, { $ref }]) => [name, $ref.split('/').at(-1) ?? '']),
    )
  })

  it('is broken by a message that lacks a part, so the checks below mean something', () => {
    expect(invalid('ListenV1_ListenV1Metadata', { type: 'Metadata', duration: 2 })).not.toEqual([])
  })

  it('is kept by what the loopback says', async () => {
    const query = 'model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true'
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/listen?${query}`, {
      headers: { authorization: `Token ${server.apiKey}` },
    })
    const heard: Record<string, unknown>[] = []
    socket.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString('utf8'))))
    socket.on('open', () => {
      socket.send(new Uint8Array(800))
      socket.send(JSON.stringify({ type: 'CloseStream' }))
    })
    await new Promise((resolve) => socket.once('close', resolve))
    expect(heard.map(({ type }) => type)).toEqual(['Results', 'Results', 'Metadata'])
    for (const message of heard) expect(invalid(`ListenV1_ListenV1${message.type}`, message)).toEqual([])
  })

  it.each(['pcm_s16le', 'mulaw'] as const)('is kept by what the adapter sends for %s', async (encoding) => {
    async function* audio() {
      yield new Uint8Array(800)
    }
    const providerOptions = { diarize: true, endpointing: 300, vad_events: true }
    const request = { model: 'nova-3', audio: audio(), format: { encoding, sampleRate: 8_000 }, language: 'en', providerOptions }
    for await (const _ of adapterOf(server).streamTranscription?.(request, context) ?? []) {
      // What was sent is what is looked at.
    }
    for (const [name, value] of server.requests.at(-1)?.query ?? []) {
      expect(Object.keys(schemaByParameter), name).toContain(name)
      expect(invalid(schemaByParameter[name] ?? '', value), name).toEqual([])
    }
    for (const message of server.messages) expect(invalid(`ListenV1_ListenV1${message.type}`, message)).toEqual([])
    expect(server.messages.length).toBeGreaterThan(0)
  })
})
