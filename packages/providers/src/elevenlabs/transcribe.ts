import type { CallContext, TranscribeRequest, TranscribeResult } from '@farebox/core'
import { asRecord, asRequestId, asText, malformed } from '../adapter/answer.ts'
import { audioFile } from '../adapter/audio-file.ts'
import { openCall } from '../adapter/call.ts'
import { readable } from '../adapter/readable-usage.ts'
import { recordingUsage } from '../adapter/recording-usage.ts'
import { elevenlabsTranscriptionUsage } from '../usage/elevenlabs.ts'
import type { ElevenlabsConnection } from './elevenlabs-client.ts'
import { elevenlabsError } from './elevenlabs-error.ts'
import { send } from './send.ts'

/** Transcribes a recording. */
export async function transcribe(
  connection: ElevenlabsConnection,
  request: TranscribeRequest,
  context: CallContext,
): Promise<TranscribeResult> {
  const call = openCall(connection.name, context.signal)
  try {
    const { data, headers } = await send(connection, call, (client, options) =>
      client.speechToText.convert(transcribeBody(request), options),
    )
    const answer = asRecord(data)
    const text = asText(answer?.text)
    const requestId = asRequestId(headers.get('request-id')) ?? asRequestId(answer?.transcriptionId)
    if (!answer || text === undefined) throw malformed(connection.name, 'a transcript', requestId)
    const language = asText(answer.languageCode)
    return {
      text,
      model: request.model,
      ...recordingUsage(
        readable(() => elevenlabsTranscriptionUsage(answer)),
        request.audio.data,
      ),
      ...(language === undefined ? {} : { language }),
      ...(requestId === undefined ? {} : { requestId }),
    }
  } catch (thrown) {
    throw elevenlabsError(connection, thrown, context)
  } finally {
    call.end()
  }
}

/**
 * The request in the SDK's form. It turns two options off: with a webhook, the answer has no transcript. With multi-channel,
 * ElevenLabs bills each channel and returns no overall text.
 */
function transcribeBody(request: TranscribeRequest): object {
  return {
    ...request.providerOptions,
    webhook: undefined,
    useMultiChannel: undefined,
    modelId: request.model,
    file: audioFile(request.audio),
    ...(request.language === undefined ? {} : { languageCode: request.language }),
  }
}
