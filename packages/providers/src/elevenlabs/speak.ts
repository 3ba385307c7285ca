import {
  type AudioFormat,
  type CallContext,
  ProviderError,
  type SpeakRequest,
  type SpeakResult,
  type SpeechEvent,
  type Usage,
} from '@farebox/core'
import { asRequestId, malformed } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { collectSpeech } from '../adapter/collect-speech.ts'
import { expectSound } from '../adapter/expect-sound.ts'
import { readBody } from '../adapter/read-body.ts'
import { readable } from '../adapter/readable-usage.ts'
import { soundless } from '../adapter/soundless.ts'
import { speechUsage } from '../adapter/speech-usage.ts'
import { elevenlabsSpeechUsage } from '../usage/elevenlabs.ts'
import type { ElevenlabsConnection } from './elevenlabs-client.ts'
import { elevenlabsError } from './elevenlabs-error.ts'
import { send } from './send.ts'

/** Defaults for what a request leaves open. */
export interface SpeechDefaults {
  voice: string
}

/** Speaks a text, and returns the whole speech. */
export async function speak(
  connection: ElevenlabsConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): Promise<SpeakResult> {
  return collectSpeech(connection.name, request.format, hear('convert', connection, request, context, defaults))
}

/** Speaks a text, and streams the speech as bytes, whose end is the closing mark. */
export function streamSpeech(
  connection: ElevenlabsConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): AsyncGenerator<SpeechEvent, void, undefined> {
  return hear('stream', connection, request, context, defaults)
}

/**
 * Customers pay for the characters of the text, so these are the usage. The characters that ElevenLabs bills (the header
 * `character-cost`) measure the same speech again. They stay in `raw`, because customers would pay for a second quantity too.
 */
async function* hear(
  method: 'convert' | 'stream',
  connection: ElevenlabsConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): AsyncGenerator<SpeechEvent, void, undefined> {
  const call = openCall(connection.name, context.signal)
  let isAnswering = false
  let raw: unknown
  let usage: Usage | undefined
  let requestId: string | undefined
  try {
    const { data, headers } = await send(connection, call, (client, options) =>
      client.textToSpeech[method](voiceId(connection.name, request, defaults), speechBody(request), options),
    )
    requestId = asRequestId(headers.get('request-id'))
    if (!(data instanceof ReadableStream)) throw malformed(connection.name, 'a body', requestId)
    expectSound(connection.name, headers, requestId)
    // From here on the provider may bill, at most for the whole text.
    raw = readable(() => elevenlabsSpeechUsage(headers))?.raw
    usage = speechUsage(request.text, 'ceiling', raw)
    for await (const audio of readBody(data, call)) {
      isAnswering = true
      yield { type: 'audio', audio }
    }
    if (!isAnswering) throw soundless(connection.name, { text: request.text, parameter: 'text', usage, requestId })
  } catch (thrown) {
    const chosen = request.voice === undefined ? undefined : 'voice'
    throw elevenlabsError(connection, thrown, { signal: context.signal, isAnswering, usage, chosen })
  } finally {
    call.end()
  }
  usage = speechUsage(request.text, 'derived', raw)
  yield { type: 'finish', model: request.model, usage, ...(requestId === undefined ? {} : { requestId }) }
}

/** @throws {ProviderError} `unsupported`: in the path of the request, the voice would lead to another one */
function voiceId(provider: string, { voice }: SpeakRequest, defaults: SpeechDefaults): string {
  if (voice === undefined) return defaults.voice
  if (!['', '.', '..'].includes(voice)) return voice
  const message = `${provider} has no voice with this id`
  throw new ProviderError(message, { provider, kind: 'unsupported', providerParameter: 'voice' })
}

/** The request in the SDK's form. `providerOptions.outputFormat` may set the rates, if it matches the request's format. */
function speechBody(request: SpeakRequest): object {
  const [defaultFormat, isOfFormat] = OUTPUT_FORMATS[request.format]
  const wanted = request.providerOptions?.outputFormat
  return {
    ...request.providerOptions,
    text: request.text,
    modelId: request.model,
    outputFormat: typeof wanted === 'string' && isOfFormat.test(wanted) ? wanted : defaultFormat,
  }
}

/** ElevenLabs' name for each format, and a pattern for its other variants. The defaults need no special plan. */
const OUTPUT_FORMATS: Readonly<Record<AudioFormat, readonly [string, RegExp]>> = {
  mp3: ['mp3_44100_128', /^mp3_/],
  wav: ['wav_24000', /^wav_/],
  opus: ['opus_48000_64', /^opus_/],
  pcm: ['pcm_24000', /^(pcm|ulaw|alaw)_/],
  mulaw: ['ulaw_8000', /^ulaw_8000$/],
}
