import { type Audio, type AudioFormat, quantity, type SoundFormat, type Usage } from '@farebox/core'
import { encodeMulaw } from '../adapter/mulaw.ts'
import { readWav, writePcm, writeWav } from '../adapter/wav.ts'
import { fingerprint } from './fingerprint.ts'

/** Sentences that simulated speakers say. */
export const SENTENCES = [
  'Hello, I would like to know how many credits I have left.',
  'Could you please tell me what the weather will be like tomorrow?',
  'How much does a call of five minutes cost?',
  'Please send the report to my colleagues before noon.',
  'I need help with my last order, it has not arrived yet.',
  'What is the fastest way to the central station from here?',
]
/** How fast they speak. */
export const WORDS_PER_SECOND = 2.5
/** Assumed bytes per second of audio in other formats than WAV: 128 kbit/s, typical of MP3 files. */
const COMPRESSED_BYTES_PER_SECOND = 16_000

/** Telephone quality, which is enough for tones and keeps a page of speech under 4 MB. */
const SAMPLE_RATE = 8_000
const SECONDS_PER_CHARACTER = 0.06

/** The length of a recording in seconds. `undefined` when the bytes are not audio. */
export function simulatedDuration({ data, mediaType }: Audio): number | undefined {
  const wav = readWav(data)
  if (wav) return wav.durationSeconds
  return data.length === 0 || /wav/.test(mediaType) ? undefined : data.length / COMPRESSED_BYTES_PER_SECOND
}

/** A plausible transcript of some audio, with as many words as fit its length. The same bytes give the same words. */
export function simulatedTranscript(data: Uint8Array, durationSeconds: number, seed: number): string {
  const first = fingerprint(seed, data)
  const wordsMax = Math.max(1, Math.round(durationSeconds * WORDS_PER_SECOND))
  const chosen: string[] = []
  for (let words = 0, index = first; words < wordsMax && chosen.length < 200; index += 1) {
    const sentence = SENTENCES[index % SENTENCES.length] ?? ''
    chosen.push(sentence)
    words += sentence.split(' ').length
  }
  return chosen.join(' ')
}

/** How long a phone call lasts that says `text`: time to pick up, to speak and to hang up. */
export function simulatedCallSeconds(text: string): number {
  return Math.round(8 + text.length * SECONDS_PER_CHARACTER)
}

/** Usage measured in seconds. */
export function durationUsage(seconds: number): Usage {
  return {
    quantities: [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' }],
    certainty: 'exact',
    raw: { seconds },
  }
}

/** Speaks a text as tones as long as its words: as raw audio if requested, otherwise as WAV, which every player supports. */
export function simulatedSound(text: string, asked: AudioFormat, seed: number): { audio: Uint8Array; format: AudioFormat } {
  const samples = tones(text, SAMPLE_RATE, seed)
  if (asked === 'pcm') return { audio: writePcm(samples), format: asked }
  if (asked === 'mulaw') return { audio: encodeMulaw(samples), format: asked }
  return { audio: writeWav(samples, SAMPLE_RATE), format: 'wav' }
}

/** Speaks one piece of a text for a live conversation. */
export function simulatedSoundPiece(text: string, { encoding, sampleRate }: SoundFormat, seed: number): Uint8Array {
  const samples = tones(text, sampleRate, seed)
  return encoding === 'mulaw' ? encodeMulaw(samples) : writePcm(samples)
}

/** One soft tone per word, as long as the word. */
function tones(text: string, sampleRate: number, seed: number): Float32Array {
  const samplesPerCharacter = sampleRate * SECONDS_PER_CHARACTER
  const characters = [...text]
  const samples = new Float32Array(Math.ceil(characters.length * samplesPerCharacter))
  let start = 0
  for (const word of text.split(/(?<=\s)/)) {
    const length = Math.floor([...word].length * samplesPerCharacter)
    const hertz = 180 + (fingerprint(seed, word.trim()) % 24) * 10
    for (let index = 0; index < length; index += 1) {
      // A half-sine envelope over the word fades each tone in and out, so it does not click.
      samples[start + index] = 0.3 * Math.sin((Math.PI * index) / length) * Math.sin((2 * Math.PI * hertz * index) / sampleRate)
    }
    start += length
  }
  return samples
}
