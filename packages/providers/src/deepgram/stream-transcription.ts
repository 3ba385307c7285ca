import {
  type CallContext,
  type Certainty,
  type LiveTranscribeRequest,
  ProviderError,
  quantity,
  soundSeconds,
  type TranscriptEvent,
  type Usage,
} from '@farebox/core'
import { asRecord, asRequestId, asText } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { durationUsage } from '../adapter/duration-usage.ts'
import { readable } from '../adapter/readable-usage.ts'
import type { FailurePlace } from '../adapter/sdk-error.ts'
import { deepgramUsage } from '../usage/deepgram.ts'
import type { DeepgramConnection } from './deepgram-client.ts'
import { deepgramError } from './deepgram-error.ts'
import { feedSound } from './feed-sound.ts'
import { liveQuery } from './live-query.ts'
import { ConnectionEnded, type LiveSocket, openLiveSocket } from './live-socket.ts'
import { transcriptOf } from './transcribe.ts'

/**
 * Transcribes live audio. Deepgram's last message reports the billed seconds. If it never arrives, the stream is incomplete, and
 * its usage is at least the audio sent.
 */
export async function* streamTranscription(
  connection: DeepgramConnection,
  request: LiveTranscribeRequest,
  context: CallContext,
): AsyncGenerator<TranscriptEvent, void, undefined> {
  const call = openCall(connection.name, context.signal)
  let socket: LiveSocket | undefined
  let requestId: string | undefined
  let told: Usage | undefined
  let finish: TranscriptEvent | undefined
  try {
    const client = await call.race(connection.client())
    const opened = await openLiveSocket(client, call, liveQuery(request))
    socket = opened
    const openedAt = connection.now()
    yield { type: 'open' }
    let isFed = false
    feedSound(opened, request.audio, call).then(
      () => {
        isFed = true
      },
      (error: unknown) => opened.messages.fail(new SoundFailure(error)),
    )
    let isReplaceable = false
    while (!finish) {
      const message = asRecord(await call.race(opened.messages.next()))
      requestId ??= asRequestId(asRecord(message?.metadata)?.request_id) ?? asRequestId(message?.request_id)
      switch (message?.type) {
        case 'Results': {
          const transcript = readTranscript(message)
          // An empty transcript matters only if it takes interim words back.
          if (transcript.text !== '' || (transcript.isFinal && isReplaceable)) yield { ...transcript, ...named(requestId) }
          isReplaceable = !transcript.isFinal && (isReplaceable || transcript.text !== '')
          break
        }
        case 'Error':
          throw new ConnectionEnded(asText(message.variant) ?? asText(message.err_code))
        case 'Metadata':
          told = readable(() => deepgramUsage(message))
          if (told && isMoreThan(billableSeconds(opened, request, connection.now() - openedAt), told)) told = undefined
          // If it arrives before all audio is sent, Deepgram has ended the stream early.
          if (isFed) finish = { type: 'finish', model: request.model, ...measured(message, told, opened, request) }
      }
    }
  } catch (thrown) {
    const usage = told ?? (socket && soundUsage(socket, request, 'floor'))
    const chosen = request.language === undefined ? undefined : 'language'
    throw liveError(connection, thrown, { signal: context.signal, isAnswering: socket !== undefined, usage, chosen }, requestId)
  } finally {
    socket?.close()
    call.end()
  }
  yield { ...finish, ...named(requestId) }
}

function named(requestId: string | undefined): { requestId?: string } {
  return requestId === undefined ? {} : { requestId }
}

/** Reading the caller's audio failed. */
class SoundFailure extends Error {
  constructor(cause: unknown) {
    super('the sound could not be read', { cause })
  }
}

function readTranscript({ start, duration, ...message }: Record<string, unknown>) {
  const isTimed = typeof start === 'number' && typeof duration === 'number'
  return {
    type: 'transcript' as const,
    text: transcriptOf(message.channel),
    isFinal: message.is_final === true,
    ...(isTimed ? { startSeconds: start, endSeconds: Number((start + duration).toFixed(6)) } : {}),
  }
}

function measured(
  message: Record<string, unknown>,
  told: Usage | undefined,
  socket: LiveSocket,
  request: LiveTranscribeRequest,
): { usage: Usage; durationSeconds?: number } {
  if (told === undefined) return { usage: soundUsage(socket, request, 'derived') }
  return { usage: told, durationSeconds: Number(message.duration) }
}

/** The most that Deepgram can bill: the audio's length or the connection's, whichever is longer, and a minute of tolerance. */
function billableSeconds({ bytesTaken }: LiveSocket, { format }: LiveTranscribeRequest, openMs: number): number {
  return Math.max(soundSeconds(bytesTaken, format), openMs / 1_000) + 60
}

function isMoreThan(seconds: number, { quantities }: Usage): boolean {
  return quantities.some((told) => told.meter === 'duration' && told.quantity > quantity(seconds))
}

/** The seconds of audio that have left this machine. */
function soundUsage(socket: LiveSocket, { format }: LiveTranscribeRequest, certainty: Certainty): Usage {
  const bytes = Math.max(0, socket.bytesTaken - socket.bufferedBytes())
  return durationUsage(quantity(soundSeconds(bytes, format)), certainty)
}

/** What was sent is no audio in the format that the request states. @source https://developers.deepgram.com/docs/errors */
const NO_SOUND = 'DATA-0000'

function liveError(
  connection: DeepgramConnection,
  thrown: unknown,
  place: FailurePlace,
  requestId: string | undefined,
): ProviderError {
  const { name: provider } = connection
  const { usage } = place
  if (thrown instanceof ConnectionEnded && !place.signal.aborted) {
    // A reason that is not a code may be a sentence that quotes secrets.
    const providerCode = /^[A-Za-z]{2,16}([_-][A-Za-z0-9]{2,16})*$/.exec(thrown.reason ?? '')?.[0]
    const message = `${provider} ended the transcription before it was complete${providerCode === undefined ? '' : `: ${providerCode}`}`
    const kind = providerCode === NO_SOUND ? 'invalid_request' : 'incomplete'
    return new ProviderError(message, { provider, kind, providerCode, usage, requestId })
  }
  if (thrown instanceof SoundFailure && !place.signal.aborted) {
    const message = `the sound for ${provider} broke off`
    return new ProviderError(message, { provider, kind: 'aborted', usage, requestId, cause: thrown.cause })
  }
  return deepgramError(connection, thrown, place)
}
