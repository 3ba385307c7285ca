import type { ElevenLabs } from '@elevenlabs/elevenlabs-js'
import { readWav } from '../../packages/providers/src/adapter/wav.ts'
import { type Exchange, type Loopback, startLoopback } from './loopback-server.ts'

export interface ElevenlabsLoopbackOptions {
  /** The key that it accepts. @defaultValue `sk_loopback` */
  apiKey?: string
  /** The bytes of a speech, in chunks as they are streamed. @defaultValue three chunks that depend on the text */
  speak?: (text: string) => readonly Uint8Array[]
}

/** ElevenLabs' protocol, on this machine. */
export type ElevenlabsLoopback = Loopback & { readonly apiKey: string }

/** The one voice that it does not have. */
export const MISSING_VOICE = 'missing0voice0000000'

/** An error as ElevenLabs words it, with the code in its older place. */
export function elevenlabsErrorBody(status: string, message = 'something went wrong') {
  return { detail: { status, message } }
}

/** An error as ElevenLabs words it since its codes have types. */
export function elevenlabsTypedErrorBody(type: string, code: string, message = 'something went wrong', param?: string) {
  return { detail: { type, code, message, status: code, request_id: 'req_typed', ...(param === undefined ? {} : { param }) } }
}

/** A request that breaks the schema, as ElevenLabs words it. */
export function elevenlabsValidationBody(field: string, message = 'field required') {
  return { detail: [{ loc: ['body', field], msg: message, type: 'value_error.missing' }] }
}

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startElevenlabsLoopback(options: ElevenlabsLoopbackOptions = {}): Promise<ElevenlabsLoopback> {
  const apiKey = options.apiKey ?? 'sk_loopback'
  const sound = (text: string) =>
    options.speak?.(text) ?? [0, 1, 2].map((part) => new TextEncoder().encode(`sound ${part} of ${text};`))

  async function serve(exchange: Exchange): Promise<void> {
    const { request, json } = exchange
    const given = request.headers['xi-api-key']
    // A server that repeats the key is the worst that an adapter may meet.
    if (given !== apiKey) return json(401, elevenlabsErrorBody('invalid_api_key', `Invalid API key ${given}`))
    const [, voice] = /^\/v1\/text-to-speech\/([^/]+)(\/stream)?$/.exec(request.path) ?? []
    if (request.method === 'POST' && voice !== undefined) return answerSpeech(exchange, voice)
    if (request.method === 'POST' && request.path === '/v1/speech-to-text') return answerTranscription(exchange)
    json(404, elevenlabsErrorBody('not_found', `no route ${request.path}`))
  }

  async function answerSpeech({ request, fault, requestId, json, stream, bill }: Exchange, voice: string): Promise<void> {
    const { text, model_id } = request.body
    if (typeof text !== 'string') return json(422, elevenlabsValidationBody('text'))
    if (voice === MISSING_VOICE) return json(404, elevenlabsErrorBody('voice_not_found', `no voice ${voice} to say ${text}`))
    const characters = [...text].length
    if (characters > 10_000) return json(400, elevenlabsErrorBody('max_character_limit_exceeded', `too long: ${text}`))
    const model = String(model_id)
    const billed = /flash|turbo/.test(model) ? Math.ceil(characters / 2) : characters
    bill({ model, input: text, quantities: { characters, billed_characters: billed } })
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault?.strike()
    const headers = { 'history-item-id': `history_${requestId}`, ...(isSilent ? {} : { 'character-cost': String(billed) }) }
    await stream(sound(text), { mediaType: 'audio/mpeg', headers })
  }

  async function answerTranscription({ request, fault, requestId, json, bill }: Exchange): Promise<void> {
    const { file, body } = request
    if (!file || file.data.length === 0) return json(422, elevenlabsValidationBody('file'))
    const seconds = readWav(file.data)?.durationSeconds ?? file.data.length / 16_000
    bill({ model: String(body.model_id), input: file.name, quantities: { seconds } })
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault?.strike()
    const answer: Pick<ElevenLabs.SpeechToTextChunkResponseModel, 'text' | 'audioDurationSecs'> = {
      text: 'How many minutes of talking do one hundred credits buy?',
      audioDurationSecs: seconds,
    }
    json(200, {
      language_code: 'eng',
      language_probability: 0.98,
      text: answer.text,
      words: [{ text: 'How', start: 0, end: 0.2, type: 'word', logprob: -0.1 }],
      transcription_id: `transcription_${requestId}`,
      ...(isSilent ? {} : { audio_duration_secs: answer.audioDurationSecs }),
    })
  }

  return { ...(await startLoopback({ serve, requestIdHeader: 'request-id' })), apiKey }
}
