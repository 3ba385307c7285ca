import type { Deepgram } from '@deepgram/sdk'

/** What the loopback is told to answer a transcription with; what is absent is made up. */
export interface DeepgramTranscript {
  text?: string
  /** Length of the audio. @defaultValue what its WAV header says, else one second per 16 kB */
  seconds?: number
  /** The transcripts of the channels, where each is transcribed by itself. */
  channels?: readonly string[]
  language?: string
  /** Tokens of a summary, which are billed besides. */
  summaryTokens?: { input: number; output: number }
}

const MODEL_ID = '30089e05-99d1-4376-b32e-c263170674af'
const SHA = '154e291ecfa8be6ab8343560bcc109008fa7853eb5372533e8efdefc9b504c33'
const CREATED = '2026-11-20T18:00:00.000Z'

/** The id of a request, as Deepgram's are made. */
export function requestUuid(requestId: string): string {
  return `00000000-0000-4000-8000-${(/\d+$/.exec(requestId)?.[0] ?? '').padStart(12, '0')}`
}

/** The answer to a recording. */
export function listenResponse(
  requestId: string,
  model: string,
  { text = '', seconds = 0, channels = [text], language, summaryTokens }: DeepgramTranscript,
): Deepgram.ListenV1Response {
  return {
    metadata: {
      transaction_key: 'deprecated',
      request_id: requestId,
      sha256: SHA,
      created: CREATED,
      duration: seconds,
      channels: channels.length,
      models: [MODEL_ID],
      model_info: { [MODEL_ID]: { name: `general-${model}`, version: '2026-10-01.0', arch: model } },
      ...(summaryTokens
        ? {
            summary_info: {
              model_uuid: MODEL_ID,
              input_tokens: summaryTokens.input,
              output_tokens: summaryTokens.output,
            },
          }
        : {}),
    },
    results: {
      channels: channels.map((transcript) => ({
        alternatives: [{ transcript, confidence: 0.99, words: [] }],
        ...(language === undefined ? {} : { detected_language: language }),
      })),
    },
  } satisfies Deepgram.ListenV1Response
}

/** A transcript of a live stream. */
export function liveResults(
  requestId: string,
  model: string,
  said: { text: string; isFinal: boolean; start: number; duration: number },
): Deepgram.listen.v1.ListenV1Results {
  return {
    type: 'Results',
    channel_index: [0, 1],
    duration: said.duration,
    start: said.start,
    is_final: said.isFinal,
    speech_final: said.isFinal,
    channel: { alternatives: [{ transcript: said.text, confidence: 0.99, words: [] }] },
    metadata: {
      request_id: requestId,
      model_info: { name: `general-${model}`, version: '2026-10-01.0', arch: model },
      model_uuid: MODEL_ID,
    },
  }
}

/** The last message of a live stream. */
export function liveMetadata(requestId: string, seconds: number): Deepgram.listen.v1.ListenV1Metadata {
  return {
    type: 'Metadata',
    transaction_key: 'deprecated',
    request_id: requestId,
    sha256: SHA,
    created: CREATED,
    duration: seconds,
    channels: 1,
  }
}

/** An error in the style of most of Deepgram's API. */
export function legacyError(code: string, message: string, requestId = 'a3f1c9d2-4b7e-4f9a-8c3d-2e5f7b9a1c0d') {
  return { err_code: code, err_msg: message, request_id: requestId }
}

/** An error in the style of its newer parts. */
export function modernError(category: string, message: string, details: string) {
  return { category, message, details, request_id: 'a3f1c9d2-4b7e-4f9a-8c3d-2e5f7b9a1c0d' }
}
