import { malformed } from '../adapter/answer.ts'
import { expectSound } from '../adapter/expect-sound.ts'
import { readBody } from '../adapter/read-body.ts'
import { headersOf } from '../adapter/sdk-answer.ts'
import { send } from './send.ts'
import type { SpeechSource } from './speech-source.ts'

/** Streams audio as a body of bytes, in any format. The call's signal ends it, because no timeout of the SDK covers it. */
export const speechBytes: SpeechSource = async function* speechBytes(connection, call, speech) {
  const { data, requestId } = await send(connection, call, (client, options) => client.tts.generate(speech.body, options))
  const body = typeof data === 'object' && data !== null && 'body' in data ? data.body : undefined
  if (!(body instanceof ReadableStream)) throw malformed(connection.name, 'a body', requestId)
  expectSound(connection.name, headersOf(data), requestId)
  speech.hasBegun = true
  speech.requestId = requestId
  yield* readBody(body, call)
}
