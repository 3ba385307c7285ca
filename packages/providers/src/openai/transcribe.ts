import type { CallContext, TranscribeRequest, TranscribeResult } from '@farebox/core'
import type OpenAI from 'openai'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { audioFile } from '../adapter/audio-file.ts'
import type { OpenaiConnection } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { transcriptionUsage } from './openai-usage.ts'
import { openOpenaiCall, send } from './send.ts'

/** Transcribes a recording. */
export async function transcribe(
  connection: OpenaiConnection,
  request: TranscribeRequest,
  context: CallContext,
): Promise<TranscribeResult> {
  const call = openOpenaiCall(connection, context)
  try {
    const { data, requestId } = await send(connection, call, {
      client: connection.client,
      create: (client, options) => client.audio.transcriptions.create(transcribeBody(request), options),
    })
    const answer = asRecord(data)
    const text = asText(answer?.text)
    if (!answer || text === undefined) throw malformed(connection.name, 'a transcript', requestId)
    const language =
      asText(answer.language) ?? asText(asRecord(Array.isArray(answer.languages) ? answer.languages[0] : undefined)?.code)
    const { usage, durationSeconds } = transcriptionUsage(answer, request.audio.data)
    return {
      text,
      model: request.model,
      ...(durationSeconds === undefined ? {} : { durationSeconds }),
      ...(language === undefined ? {} : { language }),
      ...(usage === undefined ? {} : { usage }),
      ...(requestId === undefined ? {} : { requestId }),
    }
  } catch (thrown) {
    throw openaiError(connection, thrown, context)
  } finally {
    call.end()
  }
}

/** Formats that report usage. `text`, `srt` and `vtt` answer with a bare string. */
const METERED_FORMATS = new Set<unknown>(['json', 'verbose_json', 'diarized_json'])

function transcribeBody(request: TranscribeRequest): OpenAI.Audio.TranscriptionCreateParamsNonStreaming {
  const format = request.providerOptions?.response_format
  return {
    ...request.providerOptions,
    file: audioFile(request.audio),
    model: request.model,
    response_format: METERED_FORMATS.has(format) ? (format as OpenAI.AudioResponseFormat) : 'json',
    stream: false,
    ...(request.language === undefined ? {} : { language: request.language }),
  }
}
