import { characterUsage, disjointTokens, quantity, type TokenSource, type Usage } from '@farebox/core'
import { block, headerOf, type ReplyHeaders, reportedNumber, reportedText } from './reported.ts'

const listen: TokenSource = { name: 'Deepgram listen', inputIncludes: [], outputIncludes: [] }

/** The features for which Deepgram counts tokens on top of the audio. */
const INTELLIGENCE = ['summary_info', 'sentiment_info', 'topics_info', 'intents_info']

/**
 * Reads the usage of a prerecorded transcription, or of the last `Metadata` of a live one: seconds of audio, and the tokens of
 * any summaries, sentiments, topics and intents.
 *
 * Channels transcribed separately each count in full. The usage is then a `ceiling`, because Deepgram does not publish whether it
 * bills each channel.
 *
 * @param answer  the answer with `metadata` and `results`, or the live message itself
 * @returns       `undefined` when there is no duration, as in the answer to a request with a callback
 */
export function deepgramUsage(answer: unknown): Usage | undefined {
  const reply = block(answer)
  const metadata = block(reply?.metadata) ?? reply
  const seconds = reportedNumber(listen.name, metadata, 'duration')
  if (seconds === undefined) return undefined
  const transcribed = block(reply?.results)?.channels
  const channels = Array.isArray(transcribed) ? Math.max(1, transcribed.length) : 1
  const infos = INTELLIGENCE.map((name) => block(metadata?.[name]))
  const sum = (field: string) =>
    infos.reduce<number | undefined>((total, info) => {
      const count = reportedNumber(listen.name, info, field)
      return count === undefined ? total : (total ?? 0) + count
    }, undefined)
  const tokens = disjointTokens({ input: sum('input_tokens'), output: sum('output_tokens') }, listen)
  const duration = quantity(seconds)
  return {
    quantities: [
      { meter: 'duration', quantity: (duration * BigInt(channels)) as typeof duration, unit: 'seconds' },
      ...tokens.filter((bucket) => bucket.quantity > 0n),
    ],
    certainty: channels > 1 ? 'ceiling' : 'exact',
    raw: metadata,
  }
}

/** The headers with a speech's character count: Aura-1's documented name, and the one that Aura-2 was seen to send. */
const CHARACTER_HEADERS = ['dg-char-count', 'x-dg-characters']

/**
 * Reads the usage of a speech from the header `dg-char-count` or `x-dg-characters`: the characters that Deepgram counted, along
 * with the text's own counts, by which a price may count instead.
 *
 * @param text  the spoken text
 * @returns     `undefined` when both headers are absent
 */
export function deepgramSpeechUsage(text: string, headers: ReplyHeaders): Usage | undefined {
  for (const name of CHARACTER_HEADERS) {
    const sent = headerOf(headers, name)
    const characters = reportedText('Deepgram speech', sent, name)
    if (characters === undefined) continue
    return {
      quantities: [{ ...characterUsage(text), quantity: quantity(characters) }],
      certainty: 'exact',
      raw: sent,
    }
  }
  return undefined
}
