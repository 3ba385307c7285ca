import type { AudioFormat, CallContext, SpeakRequest, SpeakResult, SpeechEvent, Usage } from '@farebox/core'
import { asRecord, malformed } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { collectSpeech } from '../adapter/collect-speech.ts'
import { expectSound } from '../adapter/expect-sound.ts'
import { readBody } from '../adapter/read-body.ts'
import { readable } from '../adapter/readable-usage.ts'
import { soundless } from '../adapter/soundless.ts'
import { speechUsage } from '../adapter/speech-usage.ts'
import { deepgramSpeechUsage } from '../usage/deepgram.ts'
import type { DeepgramConnection } from './deepgram-client.ts'
import { deepgramError } from './deepgram-error.ts'
import { meteredOptions, send } from './send.ts'
import { voiceModel } from './voice-model.ts'

/** Speaks a text, and returns the whole speech. */
export async function speak(connection: DeepgramConnection, request: SpeakRequest, context: CallContext): Promise<SpeakResult> {
  return collectSpeech(connection.name, request.format, streamSpeech(connection, request, context))
}

/** Speaks a text, and streams the speech. Deepgram's character count arrives in the headers, before the audio. */
export async function* streamSpeech(
  connection: DeepgramConnection,
  request: SpeakRequest,
  context: CallContext,
): AsyncGenerator<SpeechEvent, void, undefined> {
  const call = openCall(connection.name, context.signal)
  const asked = voiceModel(connection.name, request)
  let isAnswering = false
  let usage: Usage | undefined
  let finish: SpeechEvent
  try {
    const { data, headers, requestId } = await send(connection, call, (client, options) =>
      client.speak.v1.audio.generate({ text: request.text }, { ...options, queryParams: speechQuery(request, asked) }),
    )
    const body = streamOf(data)
    if (!body) throw malformed(connection.name, 'a body', requestId)
    expectSound(connection.name, headers, requestId)
    const reported = readable(() => headers && deepgramSpeechUsage(request.text, headers))
    // From here on the provider may bill, at most for the whole text.
    usage = { ...(reported ?? speechUsage(request.text, 'ceiling')), certainty: 'ceiling' }
    for await (const audio of readBody(body, call)) {
      isAnswering = true
      yield { type: 'audio', audio }
    }
    if (!isAnswering) throw soundless(connection.name, { text: request.text, parameter: 'text', usage, requestId })
    usage = reported ?? speechUsage(request.text, 'derived')
    const model = headers?.get('dg-model-name') ?? headers?.get('x-dg-model-name') ?? asked
    finish = { type: 'finish', model, usage, ...(requestId === undefined ? {} : { requestId }) }
  } catch (thrown) {
    const chosen = request.voice === undefined ? undefined : 'voice'
    throw deepgramError(connection, thrown, { signal: context.signal, isAnswering, usage, chosen })
  } finally {
    call.end()
  }
  yield finish
}

/** The query for each format. For mp3, Deepgram allows no choice of container. */
const QUERY_BY_FORMAT: Readonly<Record<AudioFormat, { encoding: string; container?: string; sample_rate?: number }>> = {
  mp3: { encoding: 'mp3' },
  wav: { encoding: 'linear16', container: 'wav' },
  opus: { encoding: 'opus', container: 'ogg' },
  pcm: { encoding: 'linear16', container: 'none' },
  mulaw: { encoding: 'mulaw', container: 'none', sample_rate: 8_000 },
}

function speechQuery(request: SpeakRequest, model: string): Record<string, unknown> {
  const { container: _, ...options } = meteredOptions(request.providerOptions)
  return { ...options, ...QUERY_BY_FORMAT[request.format], model }
}

function streamOf(data: unknown): ReadableStream<Uint8Array> | undefined {
  const stream = asRecord(data)?.stream
  const body: unknown = typeof stream === 'function' ? stream.call(data) : undefined
  return typeof asRecord(body)?.getReader === 'function' ? (body as ReadableStream<Uint8Array>) : undefined
}
