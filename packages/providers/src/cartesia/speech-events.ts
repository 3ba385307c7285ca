import { asRecord, malformed } from '../adapter/answer.ts'
import { expectSound } from '../adapter/expect-sound.ts'
import { incomplete } from '../adapter/incomplete.ts'
import { send } from './send.ts'
import { contextId } from './speech-body.ts'
import { readSpeechEvent, type SpeechSource } from './speech-source.ts'

/**
 * Streams raw audio as server-sent events. The SDK delivers an error as an ordinary event, and ends silently when the connection
 * closes early or is aborted, so a speech is complete only after `done`.
 */
export const speechEvents: SpeechSource = async function* speechEvents(connection, call, speech) {
  const named = contextId(speech.attemptId)
  const body = { ...speech.body, ...(named === undefined ? {} : { context_id: named }) }
  const { data, requestId, headers } = await send(connection, call, (client, options) => client.tts.generateSSE(body, options))
  if (!isAsyncIterable(data)) throw malformed(connection.name, 'a stream', requestId)
  expectSound(connection.name, headers, requestId)
  speech.hasBegun = true
  speech.requestId = requestId
  const events = data[Symbol.asyncIterator]()
  for (;;) {
    const step = await call.race(events.next())
    if (step.done) throw incomplete(connection.name, 'the speech', { usage: speech.ceiling, requestId })
    const audio = readSpeechEvent(asRecord(step.value) ?? {}, speech)
    if (audio === 'done') return
    if (audio) yield audio
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
