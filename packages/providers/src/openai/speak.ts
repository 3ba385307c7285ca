import type { CallContext, SpeakRequest, SpeakResult, SpeechEvent, Usage } from '@farebox/core'
import type OpenAI from 'openai'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { bytesOfBase64 } from '../adapter/bytes.ts'
import { closingMark } from '../adapter/closing-mark.ts'
import { collectSpeech } from '../adapter/collect-speech.ts'
import { expectSound } from '../adapter/expect-sound.ts'
import { incomplete } from '../adapter/incomplete.ts'
import { readBody } from '../adapter/read-body.ts'
import { serverSentEvents } from '../adapter/server-sent-events.ts'
import { soundless } from '../adapter/soundless.ts'
import { speechUsage } from '../adapter/speech-usage.ts'
import { telephoneSound } from '../adapter/telephone-sound.ts'
import type { OpenaiConnection } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { openOpenaiCall, send } from './send.ts'

/** The sample rate of OpenAI's `pcm`. */
const SAMPLES_PER_SECOND = 24_000

/** Defaults for what a request leaves open. */
export interface SpeechDefaults {
  voice: string
}

/** Speaks a text, and returns the whole speech. */
export async function speak(
  connection: OpenaiConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): Promise<SpeakResult> {
  return collectSpeech(connection.name, request.format, streamSpeech(connection, request, context, defaults))
}

/**
 * Speaks a text, and streams the speech. Plain bytes report no usage, so the adapter requests events from every model that
 * supports them, and the last event reports it. A server may still answer with bytes. OpenAI does not speak `mulaw`, so the
 * adapter converts `pcm`.
 */
export async function* streamSpeech(
  connection: OpenaiConnection,
  request: SpeakRequest,
  context: CallContext,
  defaults: SpeechDefaults,
): AsyncGenerator<SpeechEvent, void, undefined> {
  const call = openOpenaiCall(connection, context)
  let isAnswering = false
  let usage: Usage | undefined
  let requestId: string | undefined
  const heard = request.format === 'mulaw' ? telephoneSound(SAMPLES_PER_SECOND) : undefined
  try {
    const answer = await send(connection, call, {
      client: connection.client,
      create: (client, options) => client.audio.speech.create(speechBody(request, defaults), options),
    })
    const response = answer.data
    if (!isResponse(response) || !response.body) throw malformed(connection.name, 'a body', answer.requestId)
    requestId = answer.requestId
    expectSound(connection.name, response.headers, requestId)
    // From here on the provider may bill, at most for the whole text.
    usage = speechUsage(request.text, 'ceiling')
    const bytes = readBody(response.body, call)
    if (response.headers.get('content-type')?.includes('text/event-stream')) {
      let done: { usage: unknown } | undefined
      const events = serverSentEvents(bytes)
      try {
        for (;;) {
          const reading = events.next()
          const step = done ? await closingMark(reading.catch(() => undefined)) : await reading
          if (!step || step.done) break
          const event = parse(step.value)
          if (event?.error) throw event.error
          if (event?.type === 'speech.audio.done') done = { usage: event.usage ?? undefined }
          const audio = event?.type === 'speech.audio.delta' ? asText(event.audio) : undefined
          if (!audio) continue
          isAnswering = true
          const sound = bytesOfBase64(audio)
          yield { type: 'audio', audio: heard ? heard(sound) : sound }
        }
      } finally {
        // Not awaited, because a hanging stream would never return.
        events.return().catch(() => {})
      }
      if (!done) throw incomplete(connection.name, 'the speech', { usage, requestId })
      if (!isAnswering) throw soundless(connection.name, { text: request.text, parameter: 'input', usage, requestId })
      usage = speechUsage(request.text, 'derived', done.usage)
    } else {
      for await (const audio of bytes) {
        isAnswering = true
        yield { type: 'audio', audio: heard ? heard(audio) : audio }
      }
      if (!isAnswering) throw soundless(connection.name, { text: request.text, parameter: 'input', usage, requestId })
      usage = speechUsage(request.text, 'derived')
    }
  } catch (thrown) {
    const chosen = (request.voice ?? request.providerOptions?.voice) === undefined ? undefined : 'voice'
    throw openaiError(connection, thrown, { signal: context.signal, isAnswering, usage, chosen })
  } finally {
    call.end()
  }
  yield { type: 'finish', model: request.model, usage, ...(requestId === undefined ? {} : { requestId }) }
}

function speechBody(request: SpeakRequest, defaults: SpeechDefaults): OpenAI.Audio.SpeechCreateParams {
  return {
    ...request.providerOptions,
    model: request.model,
    input: request.text,
    // `providerOptions` may name a voice that only OpenAI has, so that a fallback does not ask another provider for it.
    voice: request.voice ?? voiceOf(request.providerOptions?.voice) ?? defaults.voice,
    response_format: request.format === 'mulaw' ? 'pcm' : request.format,
    // These models refuse events. OpenAI bills them by the character, so no usage is lost.
    stream_format: request.model.startsWith('tts-1') ? 'audio' : 'sse',
  }
}

/** A voice by its name, or a custom one by its id: `{ id }`. */
function voiceOf(given: unknown): OpenAI.Audio.SpeechCreateParams['voice'] | undefined {
  const id = asText(asRecord(given)?.id)
  return id ? { id } : asText(given)
}

function parse(data: string): Record<string, unknown> | undefined {
  return data.startsWith('[DONE]') ? undefined : asRecord(JSON.parse(data))
}

function isResponse(value: unknown): value is Pick<Response, 'headers' | 'body'> {
  return typeof value === 'object' && value !== null && 'body' in value && 'headers' in value
}
