import { type LiveTranscribeRequest, type SoundFormat, soundSeconds, type TranscriptEvent } from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import { fingerprint } from './fingerprint.ts'
import { SENTENCES, WORDS_PER_SECOND } from './simulated-voice.ts'

/** How far a live transcription has heard. */
export interface Hearing {
  bytes: number
}

/** Who hears, and what. */
export interface Listener {
  seed: number
  /** Silence that ends a sentence, in milliseconds. Absent: words are heard in silence as well. */
  pauseMs?: number
}

type Transcript = Extract<TranscriptEvent, { type: 'transcript' }>

/**
 * Sentences that could have been said in sound, word by word as they are heard, and whole when their time has passed, or when their speaker
 * pauses. How the sound is cut into pieces changes when they are told, not what is heard, unless pauses count: then a piece is silence or
 * speech as a whole.
 */
export async function* simulatedListening(
  request: LiveTranscribeRequest,
  { seed, pauseMs }: Listener,
  call: Call,
  hearing: Hearing,
): AsyncGenerator<Transcript, void, undefined> {
  const { format } = request
  const audio = request.audio[Symbol.asyncIterator]()
  let index = fingerprint(seed, request.model)
  let startWord = 0
  let told = 0
  let spoken = 0
  let pause = 0
  const sentence = () => (SENTENCES[index % SENTENCES.length] ?? '').split(' ')
  const next = (words: number) => {
    startWord += words
    index += 1
    told = 0
  }
  const transcript = (words: number, isFinal: boolean): Transcript => ({
    type: 'transcript',
    text: sentence().slice(0, words).join(' '),
    isFinal,
    startSeconds: startWord / WORDS_PER_SECOND,
    endSeconds: Math.min((startWord + words) / WORDS_PER_SECOND, soundSeconds(hearing.bytes, format)),
  })
  try {
    for (;;) {
      const step = await call.race(audio.next())
      if (step.done) break
      const { value: piece } = step
      hearing.bytes += piece.length
      if (pauseMs !== undefined && isSilence(piece, format)) {
        pause += soundSeconds(piece.length, format) * 1_000
        if (pause < pauseMs || told === 0) continue
        const words = told
        yield transcript(words, true)
        next(words)
        // What is said next begins with a word of its own.
        spoken = Math.ceil((startWord / WORDS_PER_SECOND) * bytesPerSecond(format))
        continue
      }
      pause = 0
      spoken += piece.length
      const heard = Math.floor(soundSeconds(spoken, format) * WORDS_PER_SECOND)
      while (heard >= startWord + sentence().length) {
        const words = sentence().length
        yield transcript(words, true)
        next(words)
      }
      if (heard - startWord > told) {
        told = heard - startWord
        yield transcript(told, false)
      }
    }
    // What is cut off by the end is final too, and a moment of sound is a word.
    if (spoken > 0 && (told > 0 || startWord === 0)) yield transcript(Math.max(1, told), true)
  } finally {
    audio.return?.().catch(() => {})
  }
}

function bytesPerSecond(format: SoundFormat): number {
  return 1 / soundSeconds(1, format)
}

/** Silence is a flat line, as telephones send it between words: zeros in samples, ones in µ-law. */
function isSilence(piece: Uint8Array, { encoding }: SoundFormat): boolean {
  const flat = encoding === 'mulaw' ? 0x7f : 0
  const mask = encoding === 'mulaw' ? 0x7f : 0xff
  return piece.every((byte) => (byte & mask) === flat)
}
