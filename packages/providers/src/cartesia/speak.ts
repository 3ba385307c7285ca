import type { AudioFormat, CallContext, SpeakRequest, SpeakResult, SpeechEvent } from '@farebox/core'
import { openCall } from '../adapter/call.ts'
import { collectSpeech } from '../adapter/collect-speech.ts'
import { soundless } from '../adapter/soundless.ts'
import { speechUsage } from '../adapter/speech-usage.ts'
import type { CartesiaConnection } from './cartesia-client.ts'
import { cartesiaError } from './cartesia-error.ts'
import { type SpeechDefaults, speechBody } from './speech-body.ts'
import { speechBytes } from './speech-bytes.ts'
import { speechEvents } from './speech-events.ts'
import { speechSocket } from './speech-socket.ts'
import type { Speech, SpeechSource } from './speech-source.ts'

/** Speaks a text, and returns the whole speech. */
export async function speak(
  connection: CartesiaConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): Promise<SpeakResult> {
  return collectSpeech(connection.name, request.format, hear(speechBytes, connection, request, context, defaults))
}

/**
 * Speaks a text, and streams the speech. Cartesia's events and websockets carry only raw audio, so they serve `pcm` and `mulaw`.
 * Other formats arrive as a body of bytes, whose end is the closing mark.
 */
export function streamSpeech(
  connection: CartesiaConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): AsyncGenerator<SpeechEvent, void, undefined> {
  const raw = defaults.transport === 'websocket' ? speechSocket : speechEvents
  return hear(isRaw(request.format) ? raw : speechBytes, connection, request, context, defaults)
}

function isRaw(format: AudioFormat): boolean {
  return format === 'pcm' || format === 'mulaw'
}

/**
 * Cartesia reports no usage of a speech, so we count the characters of its text. For an interrupted speech they are a ceiling.
 */
async function* hear(
  source: SpeechSource,
  connection: CartesiaConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): AsyncGenerator<SpeechEvent, void, undefined> {
  const body = speechBody(connection.name, request, defaults)
  const call = openCall(connection.name, context.signal)
  const speech: Speech = {
    body,
    attemptId: context.attemptId,
    ceiling: speechUsage(request.text, 'ceiling'),
    hasBegun: false,
    isAnswering: false,
    requestId: undefined,
  }
  const consumed = () => (speech.hasBegun ? speech.ceiling : undefined)
  try {
    for await (const audio of source(connection, call, speech)) {
      speech.isAnswering = true
      yield { type: 'audio', audio }
    }
    if (!speech.isAnswering) {
      const { requestId } = speech
      throw soundless(connection.name, { text: request.text, parameter: 'transcript', usage: consumed(), requestId })
    }
  } catch (thrown) {
    throw cartesiaError(connection, thrown, {
      signal: context.signal,
      isAnswering: speech.isAnswering,
      usage: consumed(),
      chosen: request.voice === undefined ? undefined : 'voice',
    })
  } finally {
    call.end()
  }
  const { requestId } = speech
  const usage = speechUsage(request.text, 'derived')
  yield { type: 'finish', model: request.model, usage, ...(requestId === undefined ? {} : { requestId }) }
}
