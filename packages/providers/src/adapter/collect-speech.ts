import { type AudioFormat, ProviderError, type SpeakResult, type SpeechEvent } from '@farebox/core'
import { joinBytes } from './bytes.ts'
import { incomplete } from './incomplete.ts'

/** The most bytes of a whole speech: an hour and a half of it in the longest format, and more than one text gives. */
const SPEECH_BYTES_MAX = 512 * 1_024 * 1_024

/**
 * Collects a streamed speech into a plain result, so that the two cannot disagree.
 *
 * @throws {ProviderError} `malformed`: the speech is longer than any text gives
 */
export async function collectSpeech(
  provider: string,
  format: AudioFormat,
  events: AsyncIterable<SpeechEvent>,
): Promise<SpeakResult> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const event of events) {
    if (event.type === 'audio') {
      length += event.audio.length
      if (length > SPEECH_BYTES_MAX)
        throw new ProviderError(`${provider} answered with a speech that is too long`, { provider, kind: 'malformed' })
      chunks.push(event.audio)
      continue
    }
    const { type: _, ...facts } = event
    return { audio: joinBytes(chunks), format, ...facts }
  }
  throw incomplete(provider, 'the speech')
}
