import type { Audio, CallContext, TranscribeRequest, TranscribeResult } from '@farebox/core'
import type OpenAI from 'openai'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import type { OpenaiConnection } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { transcriptionUsage } from './openai-usage.ts'
import { openOpenaiCall, send } from './send.ts'

/** Transcribes recorded sound. */
export async function transcribe(
  connection: OpenaiConnection,
  request: TranscribeRequest,
  context: CallContext,
): Promise<TranscribeResult> {
  const call = openOpenaiCall(connection, context)
  try {
    const { data, requestId } = await send(connection, call, (client, options) =>
      client.audio.transcriptions.create(transcribeBody(request), options),
    )
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

/** Formats that report usage. `text`, `srt` and `vtt` answer with a bare string, which does not say what it cost. */
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

/** OpenAI tells formats apart by the file's extension. */
const EXTENSION_BY_MEDIA_TYPE: ReadonlyMap<string, string> = new Map([
  ['audio/wave', 'wav'],
  ['audio/x-wav', 'wav'],
  ['audio/vnd.wave', 'wav'],
  ['audio/mpeg', 'mp3'],
  ['audio/mp4', 'm4a'],
  ['audio/x-m4a', 'm4a'],
  ['audio/x-flac', 'flac'],
  ['video/mp4', 'mp4'],
  ['video/webm', 'webm'],
])

function audioFile({ data, mediaType }: Audio): File {
  const type = mediaType.split(';')[0]?.trim().toLowerCase() ?? ''
  const extension = EXTENSION_BY_MEDIA_TYPE.get(type) ?? /^audio\/([a-z0-9]{2,4})$/.exec(type)?.[1] ?? 'wav'
  // A copy: the bytes may be a view on shared memory, which a File does not take.
  return new File([new Uint8Array(data)], `audio.${extension}`, { type })
}
