import { type LiveTranscribeRequest, type SoundFormat, soundSeconds, type TranscriptEvent } from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import { fingerprint } from './fingerprint.ts'
import { SENTENCES, WORDS_PER_SECOND } from './simulated-voice.ts'

/** How much audio a live transcription has received. */
export interface Hearing {
  bytes: number
}

/** Settings of a live transcription. */
export interface Listener {
  seed: number
  /** How long a silence must last to end a sentence, in milliseconds. When absent, silence transcribes to words too. */
  pauseMs?: number
}

type Transcript = Extract<TranscriptEvent, { type: 'transcript' }>

/**
 * Transcribes live audio into plausible sentences. An interim transcript grows word by word, and becomes final at the sentence's
 * end or when the speaker pauses. The chunking of the audio changes when transcripts arrive but not what they say, unless pauses
 * count: each chunk is then all silence or all speech.
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
        // The next sentence starts at a word boundary.
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
    // The end of the audio makes a cut-off sentence final, and even a moment of audio is one word.
    if (spoken > 0 && (told > 0 || startWord === 0)) yield transcript(Math.max(1, told), true)
  } finally {
    audio.return?.().catch(() => {})
  }
}

function bytesPerSecond(format: SoundFormat): number {
  return 1 / soundSeconds(1, format)
}

/** Silence is a flat signal, as telephones send it between words: zero bits in PCM, one bits in µ-law, whatever the sign. */
function isSilence(piece: Uint8Array, { encoding }: SoundFormat): boolean {
  const flat = encoding === 'mulaw' ? 0x7f : 0
  const mask = encoding === 'mulaw' ? 0x7f : 0xff
  return piece.every((byte) => (byte & mask) === flat)
}
