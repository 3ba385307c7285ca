import type { CallContext, TranscribeRequest, TranscribeResult, Usage } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { readable } from '../adapter/readable-usage.ts'
import { recordingUsage } from '../adapter/recording-usage.ts'
import { deepgramUsage } from '../usage/deepgram.ts'
import type { DeepgramConnection } from './deepgram-client.ts'
import { deepgramError } from './deepgram-error.ts'
import { meteredOptions, send } from './send.ts'

/** Transcribes a recording. */
export async function transcribe(
  connection: DeepgramConnection,
  request: TranscribeRequest,
  context: CallContext,
): Promise<TranscribeResult> {
  const call = openCall(connection.name, context.signal)
  try {
    const { data, requestId } = await send(connection, call, (client, options) =>
      // `queryParams` also carries options that the SDK does not know yet.
      client.listen.v1.media.transcribeFile(request.audio.data, {}, { ...options, queryParams: transcribeQuery(request) }),
    )
    return readTranscription(connection, request, data, requestId)
  } catch (thrown) {
    const { language = request.providerOptions?.language } = request
    const chosen = language === undefined ? undefined : 'language'
    throw deepgramError(connection, thrown, { signal: context.signal, chosen })
  } finally {
    call.end()
  }
}

function transcribeQuery({ language, model, providerOptions }: TranscribeRequest): Record<string, unknown> {
  const options = meteredOptions(providerOptions)
  // Deepgram assumes English unless the query names a language or requests detection.
  const detection = options.language === undefined ? { detect_language: true } : {}
  const spoken = language === undefined ? {} : { language, detect_language: undefined }
  return { smart_format: true, ...detection, ...options, ...spoken, model }
}

function readTranscription(
  connection: DeepgramConnection,
  request: TranscribeRequest,
  data: unknown,
  requestId: string | undefined,
): TranscribeResult {
  const answer = asRecord(data)
  const channels = asRecord(answer?.results)?.channels
  if (!answer || !Array.isArray(channels)) throw malformed(connection.name, 'a transcript', requestId)
  const language = asText(asRecord(channels[0])?.detected_language) ?? request.language
  const reported = transcriptionUsage(answer)
  const { usage } = recordingUsage(reported, request.audio.data)
  return {
    text: channels.map(transcriptOf).filter(Boolean).join('\n'),
    model: request.model,
    // The length of the recording, however many of its channels Deepgram bills.
    ...(reported === undefined ? {} : { durationSeconds: Number(asRecord(answer.metadata)?.duration) }),
    ...(language === undefined ? {} : { language }),
    ...(usage === undefined ? {} : { usage }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

/** The likeliest transcript of a channel, for recordings and live messages. */
export function transcriptOf(channel: unknown): string {
  const alternatives = asRecord(channel)?.alternatives
  return asText(asRecord(Array.isArray(alternatives) ? alternatives[0] : undefined)?.transcript) ?? ''
}

/**
 * The usage of a transcription in the unit of its price: seconds. Deepgram also bills tokens of summaries and the like, for which
 * a transcription has no price. They stay in `raw`, and the seconds are then a `floor`.
 */
function transcriptionUsage(answer: Record<string, unknown>): Usage | undefined {
  const usage = readable(() => deepgramUsage(answer))
  const quantities = usage?.quantities.filter(({ meter }) => meter === 'duration')
  if (!usage || !quantities || quantities.length === usage.quantities.length) return usage
  return { ...usage, quantities, certainty: 'floor' }
}
