import type { CallContext, TranscribeRequest, TranscribeResult } from '@farebox/core'
import { asRecord, asRequestId, asText, malformed } from '../adapter/answer.ts'
import { audioFile } from '../adapter/audio-file.ts'
import { openCall } from '../adapter/call.ts'
import { readable } from '../adapter/readable-usage.ts'
import { recordingUsage } from '../adapter/recording-usage.ts'
import { cartesiaTranscriptionUsage } from '../usage/cartesia.ts'
import type { CartesiaConnection } from './cartesia-client.ts'
import { cartesiaError } from './cartesia-error.ts'
import { send } from './send.ts'

/** Transcribes a recording. Cartesia assumes English if the request names no language. */
export async function transcribe(
  connection: CartesiaConnection,
  request: TranscribeRequest,
  context: CallContext,
): Promise<TranscribeResult> {
  const call = openCall(connection.name, context.signal)
  try {
    const body = {
      ...request.providerOptions,
      file: audioFile(request.audio),
      model: request.model,
      ...(request.language === undefined ? {} : { language: request.language }),
    }
    const { data, requestId } = await send(connection, call, (client, options) => client.stt.transcribe(body, options))
    const answer = asRecord(data)
    const text = asText(answer?.text)
    const id = asRequestId(answer?.request_id) ?? requestId
    if (!answer || text === undefined) throw malformed(connection.name, 'a transcript', id)
    const language = asText(answer.language)
    return {
      text,
      model: request.model,
      ...recordingUsage(
        readable(() => cartesiaTranscriptionUsage(answer)),
        request.audio.data,
      ),
      ...(language === undefined ? {} : { language }),
      ...(id === undefined ? {} : { requestId: id }),
    }
  } catch (thrown) {
    throw cartesiaError(connection, thrown, context)
  } finally {
    call.end()
  }
}
