import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type OpenAI from 'openai'
import { readWav } from '../../packages/providers/src/adapter/wav.ts'
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
import { answerWithFault, breakStream, type Fault, type OrderedFault, type PendingFault } from './openai-faults.ts'

export type { ChatAnswer, ChatAsked, Fault, OrderedFault, TranscriptionAnswer }

export interface OpenaiLoopbackOptions {
  /** The key that it accepts. @defaultValue `sk-loopback` */
  apiKey?: string
  /** What a chat is answered with. @defaultValue a sentence about the last message */
  chat?: (asked: ChatAsked) => ChatAnswer
  /** What a transcription is answered with. @defaultValue a fixed question, and the length of the audio */
  transcribe?: (audio: Uint8Array) => TranscriptionAnswer
  /** The bytes of a speech, in chunks as they are streamed. @defaultValue three chunks that depend on the text */
  speak?: (text: string) => readonly Uint8Array[]
}

/** One request as it arrived. */
export interface SeenRequest {
  method: string
  /** Without the prefix `/v1`. */
  path: string
  headers: Record<string, string>
  /** Parsed JSON, or the text fields of a form. */
  body: Record<string, unknown>
  /** The file of a form. */
  file?: { name: string; mediaType: string; data: Uint8Array }
  /** Resolves when the caller hung up before the answer was whole: `true`, or had it all: `false`. */
  abandoned: Promise<boolean>
}

/** What one request costs, as the loopback counts it. */
export interface InvoiceLine {
  path: string
  model: string
  promptTokens?: number
  completionTokens?: number
  characters?: number
  seconds?: number
}

/**
 * A server on this machine that speaks OpenAI's protocol, keeps its own invoice to compare a ledger with, and fails on order.
 * `url` ends in `/v1`, as a client's base URL does.
 */
export interface OpenaiLoopback {
  readonly url: string
  readonly apiKey: string
  /** What it would bill, a line per request that it began to serve. */
  readonly invoice: readonly InvoiceLine[]
  readonly requests: readonly SeenRequest[]
  /** Orders a fault for the next request, or the next `times`, of `path` (`/chat/completions`) or of any. */
  fail(fault: Fault, where?: { path?: string; times?: number }): OrderedFault
  close(): Promise<void>
}

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startOpenaiLoopback(options: OpenaiLoopbackOptions = {}): Promise<OpenaiLoopback> {
  const apiKey = options.apiKey ?? 'sk-loopback'
  const invoice: InvoiceLine[] = []
  const requests: SeenRequest[] = []
  const faults: PendingFault[] = []
  const releases: (() => void)[] = []

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await readRequest(incoming, response)
    requests.push(seen)
    if (seen.headers.authorization !== `Bearer ${apiKey}`) {
      // OpenAI repeats part of the key; a worse server would repeat all of it.
      const message = `Incorrect API key provided: ${seen.headers.authorization ?? ''}.`
      return json(response, 401, errorBody(message, 'invalid_request_error', 'invalid_api_key'))
    }
    const fault = takeFault(faults, seen.path)
    if (fault && (await answerWithFault(response, fault))) return
    if (seen.method === 'GET' && seen.path === '/models') return json(response, 200, modelList())
    if (seen.method === 'POST' && seen.path === '/chat/completions') return answerChat(seen, response, fault)
    if (seen.method === 'POST' && seen.path === '/audio/transcriptions') return answerTranscription(seen, response, fault)
    if (seen.method === 'POST' && seen.path === '/audio/speech') return answerSpeech(seen, response, fault)
    json(response, 404, errorBody(`Unknown request URL: ${seen.method} ${seen.path}`, 'invalid_request_error', 'unknown_url'))
  }

  async function answerChat(seen: SeenRequest, response: ServerResponse, fault: PendingFault | undefined): Promise<void> {
    const { model, messages, stream } = seen.body
    if (typeof model !== 'string' || !Array.isArray(messages) || messages.length === 0) {
      return json(response, 400, errorBody('you must provide messages', 'invalid_request_error', null, 'messages'))
    }
    const asked: ChatAsked = { model, messages, stream: stream === true }
    const chat = resolveChat(`chatcmpl-${requests.length}`, asked, options.chat?.(asked) ?? {})
    const { prompt_tokens, completion_tokens } = chat.usage
    invoice.push({ path: seen.path, model: chat.model, promptTokens: prompt_tokens, completionTokens: completion_tokens })
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault?.strike()
    if (!asked.stream) {
      const { usage, ...rest } = chatCompletion(chat)
      return json(response, 200, isSilent ? rest : { ...rest, usage })
    }
    const streamOptions = seen.body.stream_options as { include_usage?: boolean } | undefined
    const chunks = chatChunks(chat, streamOptions?.include_usage === true && !isSilent)
    await streamParts(response, 'text/event-stream', [...chunks.map(event), 'data: [DONE]\n\n'], fault)
  }

  async function answerTranscription(
    seen: SeenRequest,
    response: ServerResponse,
    fault: PendingFault | undefined,
  ): Promise<void> {
    const model = String(seen.body.model)
    if (!seen.file || seen.file.data.length === 0) {
      return json(response, 400, errorBody('file is required', 'invalid_request_error', null, 'file'))
    }
    const answer = options.transcribe?.(seen.file.data) ?? {}
    const seconds = answer.seconds ?? readWav(seen.file.data)?.durationSeconds ?? seen.file.data.length / 16_000
    const text = answer.text ?? 'How many minutes of talking do one hundred credits buy?'
    invoice.push({ path: seen.path, model, seconds })
    const body = transcription({ ...answer, text, seconds }, seen.body.response_format === 'verbose_json')
    if (fault?.fault.type !== 'no_usage') return json(response, 200, body)
    fault.strike()
    json(response, 200, { text: body.text })
  }

  async function answerSpeech(seen: SeenRequest, response: ServerResponse, fault: PendingFault | undefined): Promise<void> {
    const { model, input, voice, stream_format } = seen.body
    if (typeof model !== 'string' || typeof input !== 'string' || input === '' || typeof voice !== 'string') {
      return json(response, 400, errorBody('input is required', 'invalid_request_error', null, 'input'))
    }
    if ([...input].length > 4_096) {
      return json(response, 400, errorBody('input is too long', 'invalid_request_error', 'string_above_max_length', 'input'))
    }
    const audio = options.speak?.(input) ?? [0, 1, 2].map((part) => new TextEncoder().encode(`sound ${part} of ${input};`))
    invoice.push({ path: seen.path, model, characters: [...input].length })
    if (stream_format !== 'sse') return streamParts(response, 'audio/mpeg', audio, fault)
    const done = {
      type: 'speech.audio.done',
      usage: {
        input_tokens: countTokens(input),
        output_tokens: audio.length * 50,
        total_tokens: countTokens(input) + audio.length * 50,
      },
    }
    const events = [
      ...audio.map((bytes) => event({ type: 'speech.audio.delta', audio: Buffer.from(bytes).toString('base64') })),
      event(fault?.fault.type === 'no_usage' ? { type: done.type } : done),
    ]
    await streamParts(response, 'text/event-stream', events, fault)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    apiKey,
    invoice,
    requests,
    fail: (fault, where = {}) => order(faults, releases, fault, where),
    close: () => {
      for (const release of releases) release()
      return closeServer(server)
    },
  }
}

async function readRequest(incoming: IncomingMessage, response: ServerResponse): Promise<SeenRequest> {
  const abandoned = new Promise<boolean>((resolve) => response.once('close', () => resolve(!response.writableFinished)))
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]))
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const request: SeenRequest = {
    method: incoming.method ?? '',
    path: new URL(incoming.url ?? '', 'http://127.0.0.1').pathname.replace(/^\/v1/, ''),
    headers,
    body: {},
    abandoned,
  }
  if (headers['content-type']?.startsWith('multipart/form-data')) {
    const form = await new Request('http://127.0.0.1/', {
      method: 'POST',
      headers: { 'content-type': headers['content-type'] },
      body: bytes,
    }).formData()
    for (const [name, value] of form) {
      if (typeof value === 'string') request.body[name] = value
      else if (name === 'file')
        request.file = { name: value.name, mediaType: value.type, data: new Uint8Array(await value.arrayBuffer()) }
    }
  } else if (bytes.length > 0) {
    request.body = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
  }
  return request
}

/** Sends the parts of an answer one by one, and breaks off where `pending` says. */
async function streamParts(
  response: ServerResponse,
  mediaType: string,
  parts: readonly (string | Uint8Array)[],
  pending: PendingFault | undefined,
): Promise<void> {
  response.writeHead(200, { 'content-type': mediaType, 'x-request-id': 'req_loopback' })
  const breakAt = pending && 'after' in pending.fault ? pending.fault.after : Number.POSITIVE_INFINITY
  for (const [index, part] of parts.entries()) {
    if (pending && index >= breakAt && (await breakStream(response, pending))) return
    await new Promise((resolve) => response.write(part, resolve))
  }
  if (pending && breakAt !== Number.POSITIVE_INFINITY && (await breakStream(response, pending))) return
  response.end()
}

function order(
  faults: PendingFault[],
  releases: (() => void)[],
  fault: Fault,
  where: { path?: string; times?: number },
): OrderedFault {
  const { promise: struck, resolve: strike } = Promise.withResolvers<void>()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  faults.push({ fault, path: where.path, left: where.times ?? 1, strike, released })
  releases.push(release)
  return { struck, release }
}

function takeFault(faults: readonly PendingFault[], path: string): PendingFault | undefined {
  const fault = faults.find((candidate) => candidate.left > 0 && (candidate.path === undefined || candidate.path === path))
  if (fault) fault.left -= 1
  return fault
}

function modelList() {
  const model = (id: string): OpenAI.Model => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'loopback' })
  return { object: 'list', data: ['gpt-4', 'gpt-4o', 'gpt-4o-mini', 'gpt-transcribe', 'tts-1'].map(model) }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_loopback' }).end(JSON.stringify(body))
}

function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
