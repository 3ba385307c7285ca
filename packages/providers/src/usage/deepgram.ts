import { disjointTokens, quantity, type TokenSource, type Usage } from '@farebox/core'
import { block, reportedNumber } from './reported.ts'

const listen: TokenSource = { name: 'Deepgram listen', inputIncludes: [], outputIncludes: [] }

/** What Deepgram counts tokens of, beside the audio. */
const INTELLIGENCE = ['summary_info', 'sentiment_info', 'topics_info', 'intents_info']

/**
 * The usage of a prerecorded transcription, or of the last `Metadata` of a live one: seconds of audio, and the tokens of the
 * summaries, sentiments, topics and intents that were asked for.
 *
 * Each channel that was transcribed by itself counts, and then the usage is a `ceiling`: Deepgram does not publish whether it bills
 * them one by one.
 *
 * @param answer  the answer with `metadata` and `results`, or the live message itself
 * @returns       `undefined` when no duration is reported, as in the answer to a request with a callback
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
