import { quantity, type Usage } from '@farebox/core'
import { block, headerOf, type ReplyHeaders, reportedNumber, reportedText } from './reported.ts'

const HEADERS = ['character-cost', 'request-id', 'history-item-id']

/**
 * The usage of a speech, by the header `character-cost`: the characters that ElevenLabs bills, which are fewer than those of the
 * text for its cheaper models (27 for a text of 54 with Flash). So they are a meter of their own, `billed_characters`, with one
 * price for all models; never add them to the characters of the text.
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

/** The usage of a transcription: seconds of audio, under the name of the API or of the SDK. */
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
