import type OpenAI from 'openai'
import { readWav } from '../../packages/providers/src/adapter/wav.ts'
import type { Fault } from './faults.ts'
import { type Exchange, type Loopback, type SocketExchange, serverSentEvent, startLoopback } from './loopback-server.ts'
import {
  type ChatAnswer,
  type ChatAsked,
  chatChunks,
  chatCompletion,
  countTokens,
  errorBody,
  resolveChat,
  type TranscriptionAnswer,
  transcription,
} from './openai-answers.ts'
import { answerEmbeddings } from './openai-embeddings.ts'
import { holdSession, type RealtimeAnswer, type RealtimeClientEvent, type RealtimeTranscripts } from './openai-realtime.ts'
import { answerResponse, type ResponseAnswer } from './openai-responses.ts'

export type { Fault }

export interface OpenaiLoopbackOptions {
  /** The key that it accepts. @defaultValue `sk-loopback` */
  apiKey?: string
  /** What a chat is answered with. @defaultValue a sentence about the last message */
  chat?: (asked: ChatAsked) => ChatAnswer
  /** What a response is answered with. @defaultValue what a chat is */
  respond?: (asked: ChatAsked) => ResponseAnswer
  /** What a turn of a conversation is answered with, told what was said in it. @defaultValue a sentence about it */
  converse?: (said: string) => RealtimeAnswer
  /** Whether a conversation is told twice what each part of it used. @defaultValue false */
  repeatsUsage?: boolean
  /** When a conversation tells what its user said, if it is asked to. @defaultValue at_once */
  transcripts?: RealtimeTranscripts
  /** Hears of each websocket that is opened, before anything is said over it. */
  onSocket?: (socket: SocketExchange['socket']) => void
  /** What a transcription is answered with. @defaultValue a fixed question, and the length of the audio */
  transcribe?: (audio: Uint8Array) => TranscriptionAnswer
  /** The bytes of a speech, in chunks as they are streamed. @defaultValue three chunks that depend on the text */
  speak?: (text: string) => readonly Uint8Array[]
}

/** OpenAI's protocol, on this machine. `url` ends in `/v1`, as a client's base URL does. */
export type OpenaiLoopback = Loopback & {
  readonly apiKey: string
  /** What was said to it over websockets. */
  readonly heard: readonly RealtimeClientEvent[]
}

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startOpenaiLoopback(options: OpenaiLoopbackOptions = {}): Promise<OpenaiLoopback> {
  const apiKey = options.apiKey ?? 'sk-loopback'

  async function serve(exchange: Exchange): Promise<void> {
    const { request, json } = exchange
    if (request.headers.authorization !== `Bearer ${apiKey}`) {
      // OpenAI repeats part of the key; a worse server would repeat all of it.
      const message = `Incorrect API key provided: ${request.headers.authorization ?? ''}.`
      return json(401, errorBody(message, 'invalid_request_error', 'invalid_api_key'))
    }
    switch (`${request.method} ${request.path}`) {
      case 'GET /models':
        return json(200, modelList())
      case 'POST /chat/completions':
        return answerChat(exchange)
      case 'POST /responses':
        return answerResponse(exchange, (asked) => options.respond?.(asked) ?? options.chat?.(asked) ?? {})
      case 'POST /embeddings':
        return answerEmbeddings(exchange)
      case 'POST /audio/transcriptions':
        return answerTranscription(exchange)
      case 'POST /audio/speech':
        return answerSpeech(exchange)
      default:
        json(404, errorBody(`Unknown request URL: ${request.method} ${request.path}`, 'invalid_request_error', 'unknown_url'))
    }
  }

  async function answerChat({ request, fault, requestId, json, stream, bill }: Exchange): Promise<void> {
    const { model, messages } = request.body
    if (typeof model !== 'string' || !Array.isArray(messages) || messages.length === 0) {
      return json(400, errorBody('you must provide messages', 'invalid_request_error', null, 'messages'))
    }
    const asked: ChatAsked = { model, messages, stream: request.body.stream === true }
    const chat = resolveChat(`chatcmpl-${requestId}`, asked, options.chat?.(asked) ?? {})
    const { prompt_tokens, completion_tokens } = chat.usage
    const last = asked.messages.at(-1)?.content
    bill({
      model: chat.model,
      input: typeof last === 'string' ? last : JSON.stringify(last),
      quantities: { prompt_tokens, completion_tokens },
    })
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault?.strike()
    if (!asked.stream) {
      const { usage, ...rest } = chatCompletion(chat)
      return json(200, isSilent ? rest : { ...rest, usage })
    }
    const streamOptions = request.body.stream_options as { include_usage?: boolean } | undefined
    const chunks = chatChunks(chat, streamOptions?.include_usage === true && !isSilent)
    await stream([...chunks.map((chunk) => serverSentEvent(chunk)), 'data: [DONE]\n\n'], { mediaType: 'text/event-stream' })
  }

  async function answerTranscription({ request, fault, json, bill }: Exchange): Promise<void> {
    const model = String(request.body.model)
    if (!request.file || request.file.data.length === 0) {
      return json(400, errorBody('file is required', 'invalid_request_error', null, 'file'))
    }
    const answer = options.transcribe?.(request.file.data) ?? {}
    const seconds = answer.seconds ?? readWav(request.file.data)?.durationSeconds ?? request.file.data.length / 16_000
    const text = answer.text ?? 'How many minutes of talking do one hundred credits buy?'
    bill({ model, input: request.file.name, quantities: { seconds } })
    const body = transcription({ ...answer, text, seconds }, request.body.response_format === 'verbose_json')
    if (fault?.fault.type !== 'no_usage') return json(200, body)
    fault.strike()
    json(200, { text: body.text })
  }

  async function answerSpeech({ request, fault, json, stream, bill }: Exchange): Promise<void> {
    const { model, input, voice, stream_format } = request.body
    if (typeof model !== 'string' || typeof input !== 'string' || input === '' || !isVoice(voice)) {
      return json(400, errorBody('input is required', 'invalid_request_error', null, 'input'))
    }
    if ([...input].length > 4_096) {
      return json(400, errorBody('input is too long', 'invalid_request_error', 'string_above_max_length', 'input'))
    }
    const audio = options.speak?.(input) ?? [0, 1, 2].map((part) => new TextEncoder().encode(`sound ${part} of ${input};`))
    bill({ model, input, quantities: { characters: [...input].length } })
    if (stream_format !== 'sse') {
      await stream(audio, { mediaType: 'audio/mpeg' })
      return
    }
    const done = {
      type: 'speech.audio.done',
      usage: {
        input_tokens: countTokens(input),
        output_tokens: audio.length * 50,
        total_tokens: countTokens(input) + audio.length * 50,
      },
    }
    const events = [
      ...audio.map((bytes) => serverSentEvent({ type: 'speech.audio.delta', audio: Buffer.from(bytes).toString('base64') })),
      serverSentEvent(fault?.fault.type === 'no_usage' ? { type: done.type } : done),
    ]
    await stream(events, { mediaType: 'text/event-stream' })
  }

  const heard: RealtimeClientEvent[] = []
  const loopback = await startLoopback({
    prefix: '/v1',
    serve,
    admit: ({ path, headers }) => (path !== '/realtime' ? 404 : headers.authorization === `Bearer ${apiKey}` ? undefined : 401),
    connect: (exchange) => {
      options.onSocket?.(exchange.socket)
      holdSession(exchange, (said) => options.converse?.(said) ?? {}, heard, options)
    },
  })
  return { ...loopback, apiKey, heard }
}

/** A name, or the id of a custom voice. */
function isVoice(voice: unknown): boolean {
  if (typeof voice !== 'object' || voice === null) return typeof voice === 'string'
  return 'id' in voice && typeof voice.id === 'string'
}

function modelList() {
  const model = (id: string): OpenAI.Model => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'loopback' })
  return { object: 'list', data: ['gpt-4', 'gpt-4o', 'gpt-4o-mini', 'gpt-transcribe', 'tts-1'].map(model) }
}
