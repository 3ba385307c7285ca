import { type LiveTranscribeRequest, soundSeconds, type TranscriptEvent } from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import { fingerprint } from './fingerprint.ts'
import { SENTENCES, WORDS_PER_SECOND } from './simulated-voice.ts'

/** How far a live transcription has heard. */
export interface Hearing {
  bytes: number
}

/**
 * Sentences that could have been said in sound, word by word as they are heard, and whole when their time has passed. How the sound is cut
 * into pieces changes when they are told, not what is heard.
 */
export async function* simulatedListening(
  request: LiveTranscribeRequest,
  seed: number,
  call: Call,
  hearing: Hearing,
): AsyncGenerator<Exclude<TranscriptEvent, { type: 'open' | 'finish' }>, void, undefined> {
  const audio = request.audio[Symbol.asyncIterator]()
  let index = fingerprint(seed, request.model)
  let startWord = 0
  let told = 0
  const sentence = () => (SENTENCES[index % SENTENCES.length] ?? '').split(' ')
  const transcript = (words: number, isFinal: boolean) => ({
    type: 'transcript' as const,
    text: sentence().slice(0, words).join(' '),
    isFinal,
    startSeconds: startWord / WORDS_PER_SECOND,
    endSeconds: Math.min((startWord + words) / WORDS_PER_SECOND, soundSeconds(hearing.bytes, request.format)),
  })
  try {
    for (;;) {
      const step = await call.race(audio.next())
      if (step.done) break
      hearing.bytes += step.value.length
      const heard = Math.floor(soundSeconds(hearing.bytes, request.format) * WORDS_PER_SECOND)
      while (heard >= startWord + sentence().length) {
        yield transcript(sentence().length, true)
        startWord += sentence().length
        index += 1
        told = 0
      }
      if (heard - startWord > told) {
        told = heard - startWord
        yield transcript(told, false)
      }
    }
    // What is cut off by the end is final too, and a moment of sound is a word.
    if (hearing.bytes > 0 && (told > 0 || startWord === 0)) yield transcript(Math.max(1, told), true)
  } finally {
    audio.return?.().catch(() => {})
  }
}
