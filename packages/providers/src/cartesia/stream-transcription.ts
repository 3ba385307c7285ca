import type { Cartesia } from '@cartesia/cartesia-js'
import type { ManualFinalizeWSParameters } from '@cartesia/cartesia-js/resources/stt/manual-finalize/ws'
import { type CallContext, type LiveTranscribeRequest, ProviderError, type TranscriptEvent } from '@farebox/core'
import { asRecord, asRequestId, asText } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { incomplete } from '../adapter/incomplete.ts'
import { closedSocketError } from '../adapter/socket-end.ts'
import type { CartesiaConnection } from './cartesia-client.ts'
import { cartesiaError } from './cartesia-error.ts'
import { ENGLISH_ONLY, type ResolvedCartesiaModels } from './cartesia-offers.ts'
import { feedSound } from './feed-sound.ts'
import { HeardSound } from './heard-sound.ts'
import { loadSocketClasses } from './socket-classes.ts'
import { type TranscriptSocket, transcriptSocket } from './transcript-socket.ts'

/**
 * Transcribes live audio. `ink-whisper` returns transcripts at pauses. `ink-2` returns them when the audio ends, so a host that
 * detects the end of an utterance should end the audio there.
 *
 * A request that names the model for recordings gets the live model, because one offer covers both.
 */
export async function* streamTranscription(
  connection: CartesiaConnection,
  request: LiveTranscribeRequest,
  context: CallContext,
  models: ResolvedCartesiaModels,
): AsyncGenerator<TranscriptEvent, void, undefined> {
  const { name } = connection
  const model = request.model === models.transcribe ? models.listen : request.model
  if (request.language !== undefined && request.language !== 'en' && ENGLISH_ONLY.has(model)) {
    throw new ProviderError(`${name} hears no other language than English live`, { provider: name, kind: 'unsupported' })
  }
  const call = openCall(name, context.signal)
  const heard = new HeardSound(request.format)
  let socket: TranscriptSocket | undefined
  let isAnswering = false
  let requestId: string | undefined
  try {
    const client = await call.race(connection.client())
    const { TranscriptSocket } = await call.race(loadSocketClasses(name))
    const emitter = new TranscriptSocket(client as unknown as Cartesia, parameters(request, model), { ...connection.websocket })
    socket = transcriptSocket(emitter)
    const { events } = socket
    for (let isDone = false; !isDone; ) {
      const event = await call.race(events.next())
      requestId = asRequestId(event.request_id) ?? requestId
      switch (event.type) {
        case 'open':
          yield { type: 'open' }
          feedSound(name, request.audio, socket, heard, call).catch(events.fail)
          break
        case 'transcript':
          heard.report(event)
          isAnswering = true
          yield { ...transcript(event), ...(requestId === undefined ? {} : { requestId }) }
          break
        case 'error':
          throw event
        case 'closed': {
          const facts = {
            what: 'the transcript',
            code: Number(event.code),
            isAnswering,
            usage: heard.usage(socket.pendingBytes()),
            requestId,
          }
          throw closedSocketError(name, facts)
        }
        case 'done':
          // `done` should answer our end of audio. If it arrives earlier, Cartesia did not hear everything.
          if (!heard.isWhole) throw incomplete(name, 'the transcript', { usage: heard.usage(socket.pendingBytes()), requestId })
          isDone = true
      }
    }
    socket.close()
    socket = undefined
  } catch (thrown) {
    throw cartesiaError(connection, thrown, {
      signal: context.signal,
      isAnswering,
      usage: heard.usage(socket?.pendingBytes() ?? 0),
    })
  } finally {
    call.end()
    socket?.cut()
  }
  const durationSeconds = heard.reportedSeconds
  const usage = heard.usage(0)
  yield {
    type: 'finish',
    model,
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(usage === undefined ? {} : { usage }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

function parameters({ format, language, providerOptions }: LiveTranscribeRequest, model: string): ManualFinalizeWSParameters {
  return {
    ...providerOptions,
    model,
    encoding: format.encoding === 'mulaw' ? ('pcm_mulaw' as const) : format.encoding,
    sample_rate: format.sampleRate,
    // The SDK's type allows only the language of its newest model.
    ...(language === undefined ? {} : { language: language as 'en' }),
  }
}

function transcript(event: Readonly<Record<string, unknown>>): TranscriptEvent {
  const words = Array.isArray(event.words) ? event.words.map(asRecord) : []
  const startSeconds = asTimes(words[0]?.start)[0]
  const endSeconds = asTimes(words.at(-1)?.end).at(-1)
  return {
    type: 'transcript',
    text: asText(event.text) ?? '',
    isFinal: event.is_final === true,
    ...(startSeconds === undefined ? {} : { startSeconds }),
    ...(endSeconds === undefined ? {} : { endSeconds }),
  }
}

/** The times of a word: a list by the SDK's types, a single number from other servers. */
function asTimes(value: unknown): number[] {
  return [value].flat().filter((time) => typeof time === 'number')
}
