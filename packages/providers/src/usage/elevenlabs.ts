import { quantity, type Usage } from '@farebox/core'
import { block, headerOf, type ReplyHeaders, reportedNumber, reportedText } from './reported.ts'

const HEADERS = ['character-cost', 'request-id', 'history-item-id']

/**
 * Reads the usage of a speech from the header `character-cost`: the characters that ElevenLabs bills. For its cheaper models
 * these are fewer than the text has: with Flash, 27 for a text of 54. They therefore have their own meter, `billed_characters`,
 * with one price for all models. Never add them to the characters of the text.
 *
 * @returns `undefined` when the header is absent
 */
export function elevenlabsSpeechUsage(headers: ReplyHeaders): Usage | undefined {
  const sent = Object.assign({}, ...HEADERS.map((name) => headerOf(headers, name))) as Record<string, string>
  const billed = reportedText('ElevenLabs speech', sent, 'character-cost')
  if (billed === undefined) return undefined
  return {
    quantities: [{ meter: 'billed_characters', quantity: quantity(billed), unit: 'characters' }],
    certainty: 'exact',
    raw: sent,
  }
}

/** Reads the usage of a transcription: seconds of audio, under the API's field name or the SDK's. */
export function elevenlabsTranscriptionUsage(answer: unknown): Usage | undefined {
  const reply = block(answer)
  const read = (field: string) => reportedNumber('ElevenLabs speech to text', reply, field)
  const seconds = read('audio_duration_secs') ?? read('audioDurationSecs')
  if (seconds === undefined) return undefined
  return {
    quantities: [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' }],
    certainty: 'exact',
    raw: { audio_duration_secs: seconds },
  }
}
