import type { WebSocket } from 'ws'
import { readWav } from '../../packages/providers/src/adapter/wav.ts'
import {
  type DeepgramTranscript,
  legacyError,
  listenResponse,
  liveMetadata,
  liveResults,
  modernError,
  requestUuid,
} from './deepgram-answers.ts'
import { type Exchange, type Loopback, type SeenRequest, type SocketExchange, startLoopback } from './loopback-server.ts'

/** A request as the loopback's own records tell of it. */
export interface DeepgramLoggedRequest {
  request_id?: string
  created?: string
  path?: string
  code?: number
  response?: Record<string, unknown>
}

export interface DeepgramLoopbackOptions {
  /** The key that it accepts. @defaultValue `dg-loopback` */
  apiKey?: string
  /** What a recording is answered with. @defaultValue a fixed question, and the length of the audio */
  transcribe?: (audio: Uint8Array, query: URLSearchParams) => DeepgramTranscript
  /** The bytes of a speech, in chunks as they are streamed. @defaultValue three chunks that depend on the text */
  speak?: (text: string) => readonly Uint8Array[]
  /** The header that counts the characters of a speech, or none. @defaultValue `dg-char-count` */
  characterHeader?: 'dg-char-count' | 'x-dg-characters' | 'none'
  /** What is heard in live sound, and after how many seconds of it each is final. @defaultValue a question, at its end */
  live?: readonly { atSeconds: number; text: string }[]
  /** Hears of each live connection that is opened, to hold it up for one. */
  onSocket?: (socket: WebSocket) => void
  /** Projects that the key sees. @defaultValue one */
  projects?: readonly string[]
  /** What the records of the project say. @defaultValue nothing */
  requests?: readonly DeepgramLoggedRequest[]
  /** What records say when they are asked for one by one, by id. */
  details?: Readonly<Record<string, Record<string, unknown>>>
}

/** Deepgram's protocol, on this machine. `url` is a client's base URL, for requests and for live connections. */
export type DeepgramLoopback = Loopback & {
  readonly apiKey: string
  /** Text messages that callers sent over live connections, in their order. */
  readonly messages: readonly Record<string, unknown>[]
  /** Resolves with its code when the first live connection has closed. */
  readonly closed: Promise<number>
}

const PROJECT = '12345678-90ab-4def-8234-567890abcdef'

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startDeepgramLoopback(options: DeepgramLoopbackOptions = {}): Promise<DeepgramLoopback> {
  const apiKey = options.apiKey ?? 'dg-loopback'
  const messages: Record<string, unknown>[] = []
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<number>()

  const isKnown = ({ headers }: SeenRequest) => headers.authorization === `Token ${apiKey}`

  async function serve(exchange: Exchange): Promise<void> {
    const { request, json } = exchange
    // A worse server than Deepgram's would repeat the key.
    if (!isKnown(request)) return json(401, legacyError('INVALID_AUTH', `Invalid credentials: ${request.headers.authorization}`))
    switch (`${request.method} ${request.path}`) {
      case 'POST /v1/listen':
        return answerListen(exchange)
      case 'POST /v1/speak':
        return answerSpeak(exchange)
      case 'GET /v1/projects':
        return json(200, { projects: (options.projects ?? [PROJECT]).map((project_id) => ({ project_id, name: 'loopback' })) })
      default:
        return answerRequests(exchange)
    }
  }

  async function answerListen({ request, fault, requestId, json, bill }: Exchange): Promise<void> {
    const model = request.query.get('model') ?? 'base-general'
    if (request.bytes.length === 0) return json(400, legacyError('Bad Request', 'Bad Request: failed to process audio'))
    const id = requestUuid(requestId)
    if (request.query.has('callback')) return json(200, { request_id: id })
    const given = options.transcribe?.(request.bytes, request.query) ?? {}
    const seconds = given.seconds ?? readWav(request.bytes)?.durationSeconds ?? request.bytes.length / 16_000
    const text = given.text ?? 'How many minutes of talking do one hundred credits buy?'
    bill({ model, input: text, quantities: { seconds }, requestId: id })
    const { metadata, results } = listenResponse(id, model, { ...given, text, seconds })
    const headers = { 'dg-request-id': id }
    if (fault?.fault.type !== 'no_usage') return json(200, { metadata, results }, headers)
    fault.strike()
    const { duration: _, ...rest } = metadata
    json(200, { metadata: rest, results }, headers)
  }

  async function answerSpeak({ request, fault, json, stream, bill, requestId }: Exchange): Promise<void> {
    const { text } = request.body
    const model = request.query.get('model') ?? 'aura-asteria-en'
    if (typeof text !== 'string' || text === '') {
      return json(400, modernError('INVALID_REQUEST', 'The request is invalid', 'text is required'))
    }
    const characters = [...text].length
    if (characters > 2_000) return json(413, legacyError('Payload Too Large', 'Input text exceeds maximum character limit'))
    const audio = options.speak?.(text) ?? [0, 1, 2].map((part) => new TextEncoder().encode(`sound ${part} of ${text};`))
    bill({ model, input: text, quantities: { characters }, requestId: requestUuid(requestId) })
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault.strike()
    const { characterHeader = 'dg-char-count' } = options
    const counted = isSilent || characterHeader === 'none' ? {} : { [characterHeader]: String(characters) }
    await stream(audio, {
      mediaType: 'audio/mpeg',
      headers: { 'dg-request-id': requestUuid(requestId), 'dg-model-name': model, ...counted },
    })
  }

  async function answerRequests({ request, json }: Exchange): Promise<void> {
    const [, projectId, requestId] = /^\/v1\/projects\/([^/]+)\/requests(?:\/([^/]+))?$/.exec(request.path) ?? []
    const logged = options.requests ?? []
    if (request.method !== 'GET' || !(options.projects ?? [PROJECT]).includes(projectId ?? '')) {
      return json(404, legacyError('PROJECT_NOT_FOUND', 'Project not found'))
    }
    if (requestId !== undefined) {
      const found = logged.find(({ request_id }) => request_id === requestId)
      if (!found) return json(404, modernError('NOT_FOUND', 'Request not found', requestId))
      return json(200, { request: { ...found, response: { details: options.details?.[requestId] ?? {} } } })
    }
    const limit = Number(request.query.get('limit') ?? 10)
    const page = Number(request.query.get('page') ?? 0)
    json(200, { page, limit, requests: logged.slice(page * limit, (page + 1) * limit) })
  }

  function connect({ request, socket, fault, requestId, send, bill, end }: SocketExchange): void {
    options.onSocket?.(socket)
    const id = requestUuid(requestId)
    const model = request.query.get('model') ?? 'base-general'
    const bytesPerSecond = Number(request.query.get('sample_rate')) * (request.query.get('encoding') === 'mulaw' ? 1 : 2)
    const heard = { seconds: 0 }
    bill({ model, input: 'live', quantities: heard, requestId: requestUuid(requestId) })
    let bytes = 0
    let hasSpoken = false
    const script = [...(options.live ?? [])]
    const say = (text: string, isFinal: boolean) =>
      send(liveResults(id, model, { text, isFinal, start: 0, duration: heard.seconds }))
    socket.on('close', onClosed)
    socket.on('message', async (data: Buffer, isBinary) => {
      if (isBinary) {
        bytes += data.length
        heard.seconds = bytes / bytesPerSecond
        const [next] = script
        if (next && heard.seconds >= next.atSeconds) {
          script.shift()
          await say(next.text, true)
          return
        }
        if (options.live || hasSpoken || request.query.get('interim_results') !== 'true') return
        hasSpoken = true
        await say('how many', false)
        return
      }
      const message = JSON.parse(data.toString('utf8')) as Record<string, unknown>
      messages.push(message)
      if (message.type !== 'CloseStream') return
      if (!options.live) await say('How many minutes?', true)
      const { duration, ...rest } = liveMetadata(id, heard.seconds)
      const isSilent = fault?.fault.type === 'no_usage'
      if (isSilent) fault.strike()
      if (await send(isSilent ? rest : { duration, ...rest })) end()
    })
  }

  const loopback = await startLoopback({
    requestIdHeader: 'dg-request-id',
    serve,
    admit: (request) => (isKnown(request) ? undefined : 401),
    upgradeHeaders: (requestId) => [`dg-request-id: ${requestUuid(requestId)}`],
    connect,
  })
  return { ...loopback, apiKey, messages, closed }
}
