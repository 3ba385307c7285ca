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
import { asRecord, asText } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { readable } from '../adapter/readable-usage.ts'
import { deepgramUsage } from '../usage/deepgram.ts'
import type { DeepgramConnection } from './deepgram-client.ts'
import { deepgramError } from './deepgram-error.ts'
import { feedSound } from './feed-sound.ts'
import { liveQuery } from './live-query.ts'
import { type LiveSocket, openLiveSocket } from './live-socket.ts'
import { transcriptOf } from './transcribe.ts'

/**
 * Transcribes sound while it is heard. What Deepgram billed is in its last message; where that does not come, the stream is incomplete,
 * and at least the sound that was sent is paid for.
 */
export async function* streamTranscription(
  connection: DeepgramConnection,
  request: LiveTranscribeRequest,
  context: CallContext,
): AsyncGenerator<TranscriptEvent, void, undefined> {
  const call = openCall(connection.name, context.signal)
  const { name } = connection
  let socket: LiveSocket | undefined
  let requestId: string | undefined
  let finish: TranscriptEvent | undefined
  let told: Usage | undefined
  try {
    const client = await call.race(connection.client())
    const opened = await openLiveSocket(client, call, liveQuery(request))
    socket = opened
    yield { type: 'open' }
    const feeding = { isOver: false }
    feedSound(opened, request.audio, call).then(
      () => {
        feeding.isOver = true
      },
      (error: unknown) => opened.messages.fail(new SoundFailure(error)),
    )
    let isReplaceable = false
    while (!finish) {
      const { done, value } = await call.race(opened.messages.next())
      if (done) throw brokenOff(name, opened.closingReason, told ?? soundUsage(opened, request, 'floor'), requestId)
      const message = asRecord(value)
      requestId ??= asText(asRecord(message?.metadata)?.request_id) ?? asText(message?.request_id)
      if (message?.type === 'Error') {
        throw brokenOff(
          name,
          asText(message.variant) ?? asText(message.err_code),
          soundUsage(opened, request, 'floor'),
          requestId,
        )
      }
      const transcript = readTranscript(message)
      if (transcript && (transcript.text !== '' || (transcript.isFinal && isReplaceable))) yield transcript
      if (transcript) isReplaceable = !transcript.isFinal && (isReplaceable || transcript.text !== '')
      if (message?.type !== 'Metadata') continue
      told = readable(() => deepgramUsage(message))
      // Before all the sound was sent, it tells of a stream that Deepgram ended.
      if (!feeding.isOver) continue
      finish = {
        type: 'finish',
        model: request.model,
        usage: told ?? soundUsage(opened, request, 'derived'),
        ...(told === undefined ? {} : { durationSeconds: Number(message.duration) }),
        ...(requestId === undefined ? {} : { requestId }),
      }
    }
  } catch (thrown) {
    const usage = told ?? (socket && soundUsage(socket, request, 'floor'))
    if (thrown instanceof SoundFailure && !context.signal.aborted) {
      throw new ProviderError(`the sound for ${name} broke off`, {
        provider: name,
        kind: 'aborted',
        usage,
        requestId,
        cause: thrown.cause,
      })
    }
    throw deepgramError(connection, thrown, { signal: context.signal, isAnswering: socket !== undefined, usage })
  } finally {
    socket?.close()
    call.end()
  }
  yield finish
}

/** Reading the caller's sound failed. */
class SoundFailure extends Error {
  constructor(cause: unknown) {
    super('the sound could not be read', { cause })
  }
}

function readTranscript(message: Record<string, unknown> | undefined) {
  if (message?.type !== 'Results') return undefined
  const { start, duration } = message
  const isTimed = typeof start === 'number' && typeof duration === 'number'
  return {
    type: 'transcript' as const,
    text: transcriptOf(message.channel),
    isFinal: message.is_final === true,
    ...(isTimed ? { startSeconds: start, endSeconds: Number((start + duration).toFixed(6)) } : {}),
  }
}

/** The seconds of sound that the network took. */
function soundUsage(socket: LiveSocket, { format }: LiveTranscribeRequest, certainty: Certainty): Usage {
  const bytes = Math.max(0, socket.bytesTaken - socket.bufferedBytes())
  return { quantities: [{ meter: 'duration', quantity: quantity(soundSeconds(bytes, format)), unit: 'seconds' }], certainty }
}

function brokenOff(provider: string, reason: string | undefined, usage: Usage, requestId: string | undefined): ProviderError {
  const providerCode = /^[A-Za-z]{2,16}([_-][A-Za-z0-9]{2,16})*$/.exec(reason ?? '')?.[0]
  const suffix = providerCode === undefined ? '' : `: ${providerCode}`
  return new ProviderError(`${provider} ended the transcription before it was complete${suffix}`, {
    provider,
    kind: 'incomplete',
    providerCode,
    usage,
    requestId,
  })
}
