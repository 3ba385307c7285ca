import type Cartesia from '@cartesia/cartesia-js'
import type { WebSocket } from 'ws'
import { readWav } from '../../packages/providers/src/adapter/wav.ts'
import { type Exchange, type Loopback, type SocketExchange, serverSentEvent, startLoopback } from './loopback-server.ts'

export interface CartesiaLoopbackOptions {
  /** The key that it accepts. @defaultValue `sk_car_loopback` */
  apiKey?: string
  /** The bytes of a speech, in chunks as they are streamed. @defaultValue three chunks that depend on the text */
  speak?: (text: string) => readonly Uint8Array[]
  /** What a recording, or live sound, is heard as. @defaultValue a fixed sentence */
  text?: string
  /** Hears of each websocket that is opened, before anything is said over it. */
  onSocket?: (socket: WebSocket) => void
}

/** Cartesia's protocol, on this machine: HTTP, server-sent events and websockets. */
export type CartesiaLoopback = Loopback & { readonly apiKey: string }

/** The one voice that it does not have. */
export const MISSING_VOICE = '00000000-0000-4000-8000-000000000000'

/** An error as Cartesia words it in an answer. */
export function cartesiaErrorBody(error_code: string | null, message = 'something went wrong') {
  return { error_code, title: 'Error', message, request_id: '550e8400-e29b-41d4-a716-446655440000' }
}

/** An error as Cartesia words it inside a stream or a websocket. */
export function cartesiaErrorEvent(status_code: number, error_code: string | null, message?: string) {
  return { type: 'error', done: true, status_code, ...cartesiaErrorBody(error_code, message) }
}

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startCartesiaLoopback(options: CartesiaLoopbackOptions = {}): Promise<CartesiaLoopback> {
  const apiKey = options.apiKey ?? 'sk_car_loopback'
  const heard = options.text ?? 'How many minutes of talking do one hundred credits buy?'
  const sound = (text: string) =>
    options.speak?.(text) ?? [0, 1, 2].map((part) => new TextEncoder().encode(`sound ${part} of ${text};`))
  const isKnown = (headers: Record<string, string>) => headers.authorization === `Bearer ${apiKey}`

  async function serve(exchange: Exchange): Promise<void> {
    const { request, json } = exchange
    // A server that repeats the key is the worst that an adapter may meet.
    if (!isKnown(request.headers)) return json(401, cartesiaErrorBody('unauthorized', `no key: ${request.headers.authorization}`))
    switch (`${request.method} ${request.path}`) {
      case 'POST /tts/bytes':
      case 'POST /tts/sse':
        return answerSpeech(exchange)
      case 'POST /stt':
        return answerTranscription(exchange)
      default:
        json(404, cartesiaErrorBody(null, `no route ${request.path}`))
    }
  }

  async function answerSpeech({ request, json, stream, bill }: Exchange): Promise<void> {
    const isStream = request.path === '/tts/sse'
    const refusal = refuseSpeech(request.body, isStream)
    if (refusal) return json(refusal.status_code, refusal)
    const { transcript, model_id, context_id } = request.body as unknown as Cartesia.TTSGenerateSSEParams
    bill({ model: model_id, input: transcript, quantities: { characters: [...transcript].length } })
    if (!isStream) {
      await stream(sound(transcript), { mediaType: 'audio/wav' })
      return
    }
    const context = { context_id: context_id ?? null }
    const events: Cartesia.TTSSSEEvent[] = [
      ...sound(transcript).map(
        (bytes) => ({ type: 'chunk', data: base64(bytes), done: false, status_code: 206, step_time: 12, ...context }) as const,
      ),
      { type: 'done', done: true, status_code: 200, ...context },
    ]
    await stream(
      events.map((event) => serverSentEvent(event, event.type)),
      { mediaType: 'text/event-stream', errorEvent: (error) => serverSentEvent(error, 'error') },
    )
  }

  async function answerTranscription({ request, fault, requestId, json, bill }: Exchange): Promise<void> {
    const { file, body } = request
    if (!file || file.data.length === 0) return json(400, cartesiaErrorBody('invalid_request', 'no file'))
    const seconds = readWav(file.data)?.durationSeconds ?? file.data.length / 16_000
    bill({ model: String(body.model), input: file.name, quantities: { seconds } })
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault?.strike()
    json(200, {
      type: 'transcript',
      text: heard,
      language: typeof body.language === 'string' ? body.language : 'en',
      request_id: requestId,
      ...(isSilent ? {} : { duration: seconds }),
    } satisfies Cartesia.STTTranscribeResponse)
  }

  function connect(exchange: SocketExchange): void {
    options.onSocket?.(exchange.socket)
    if (exchange.request.path === '/tts/websocket') speakOver(exchange)
    else hearOver(exchange)
  }

  function speakOver({ socket, send, bill }: SocketExchange): void {
    socket.on('message', async (data) => {
      const asked = JSON.parse(String(data)) as Cartesia.GenerationRequest
      const { context_id, transcript, model_id } = asked
      const refusal = refuseSpeech({ ...asked }, true)
      if (refusal) return void (await send({ type: 'error', done: true, ...refusal, context_id }))
      const line = bill({ model: model_id, input: transcript, quantities: { characters: [...transcript].length } })
      for (const bytes of sound(transcript)) {
        const chunk = { type: 'chunk', data: base64(bytes), done: false, status_code: 206, step_time: 12, context_id } as const
        if (!(await send(chunk satisfies Cartesia.WebsocketResponse))) return
      }
      const done = { type: 'done', done: true, status_code: 200, context_id } as const
      // The connection is the caller's to close, when it has nothing more to say.
      if (await send(done satisfies Cartesia.WebsocketResponse)) line.outcome = 'served'
    })
  }

  /** Tells a third of the sentence while it hears, and the rest when it was told that this is all. */
  function hearOver({ request, socket, fault, requestId, send, bill, end }: SocketExchange): void {
    const { query } = request
    const rate = Number(query.get('sample_rate')) * (query.get('encoding') === 'pcm_mulaw' ? 1 : 2)
    const line = bill({ model: query.get('model') ?? '', input: 'sound', quantities: {} })
    const isSilent = fault?.fault.type === 'no_usage'
    let bytes = 0
    let hasBegun = false
    const tell = (text: string, is_final: boolean) =>
      send({
        type: 'transcript',
        text,
        is_final,
        request_id: requestId,
        ...(isSilent ? {} : { duration: bytes / rate, words: [{ words: [text], start: [0], end: [bytes / rate] }] }),
      })
    socket.on('message', async (data, isBinary) => {
      if (isBinary) {
        bytes += (data as Buffer).length
        line.quantities = { seconds: bytes / rate }
        if (hasBegun) return
        hasBegun = true
        await tell(heard.slice(0, heard.length / 3), false)
        return
      }
      if (String(data) !== 'close') return
      if (isSilent) fault?.strike()
      if (!(await tell(heard, true))) return
      if (await send({ type: 'done', request_id: requestId })) end()
    })
  }

  const admit = ({ headers }: { headers: Record<string, string> }) => (isKnown(headers) ? undefined : 401)
  return { ...(await startLoopback({ serve, admit, connect })), apiKey }
}

/** What Cartesia refuses to speak; `isRaw`: over this way it speaks raw sound alone. */
function refuseSpeech({ model_id, transcript, voice, output_format }: Record<string, unknown>, isRaw: boolean) {
  const refuse = (status_code: number, code: string, message: string) => ({ ...cartesiaErrorBody(code, message), status_code })
  if (typeof model_id !== 'string') return refuse(400, 'invalid_request', 'no model_id')
  if (typeof transcript !== 'string' || transcript === '') return refuse(400, 'invalid_request', 'no transcript')
  if (typeof voice !== 'string') return refuse(400, 'invalid_request', 'no voice')
  if (voice === MISSING_VOICE) return refuse(404, 'voice_not_found', `no voice ${voice} to say ${transcript}`)
  const { container } = output_format as { container: string }
  if (isRaw && container !== 'raw') return refuse(400, 'invalid_request', 'only raw sound is streamed')
  return undefined
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
