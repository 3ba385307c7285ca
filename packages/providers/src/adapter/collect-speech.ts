import type { AudioFormat, SpeakResult, SpeechEvent } from '@farebox/core'
import { joinBytes } from './bytes.ts'
import { incomplete } from './incomplete.ts'

/** Collects a streamed speech into a plain result, so that the two cannot disagree. */
export async function collectSpeech(
  provider: string,
  format: AudioFormat,
  events: AsyncIterable<SpeechEvent>,
): Promise<SpeakResult> {
  const chunks: Uint8Array[] = []
  for await (const event of events) {
    if (event.type === 'audio') {
      chunks.push(event.audio)
      continue
    }
    const { type: _, ...facts } = event
    return { audio: joinBytes(chunks), format, ...facts }
  }
  throw incomplete(provider, 'the speech')
}
