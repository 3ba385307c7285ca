import { type Meter, quantity, type Usage, type UsageQuantity } from '@farebox/core'
import { readWav } from '../adapter/wav.ts'
import { asCount, asRecord } from './answer.ts'

/**
 * The disjoint meters of a chat's usage. OpenAI counts cached and audio tokens inside `prompt_tokens`, and reasoning and audio
 * tokens inside `completion_tokens`; what overlaps (cached audio) is counted once, so the meters always add up to the two. Image
 * tokens stay within `input`, because a chat is billed for them as for any other input.
 *
 * @param block  `usage` of an answer, as it came
 * @returns      `undefined` when the block is absent or does not count both sides: not reported is not zero
 */
export function chatUsage(block: unknown): Usage | undefined {
  const usage = asRecord(block)
  const prompt = asCount(usage?.prompt_tokens)
  const completion = asCount(usage?.completion_tokens)
  if (prompt === undefined || completion === undefined) return undefined
  const promptDetails = asRecord(usage?.prompt_tokens_details)
  const completionDetails = asRecord(usage?.completion_tokens_details)
  return {
    quantities: [
      ...split(prompt, 'input', [
        ['cached_input', promptDetails?.cached_tokens],
        ['cache_write', promptDetails?.cache_write_tokens],
        ['audio_input', promptDetails?.audio_tokens],
      ]),
      ...split(completion, 'output', [
        ['reasoning', completionDetails?.reasoning_tokens],
        ['audio_output', completionDetails?.audio_tokens],
      ]),
    ],
    certainty: 'exact',
    raw: block,
  }
}

/**
 * What a transcription cost: the duration of its audio, which is what customers are priced by. A model that is billed by tokens
 * reports these alone; then the duration is read from the audio, and the tokens stay in `raw`.
 *
 * @returns `undefined` when the provider reported nothing and the audio does not say how long it is
 */
export function transcriptionUsage(
  answer: Record<string, unknown>,
  audio: Uint8Array,
): { usage?: Usage; durationSeconds?: number } {
  const block = asRecord(answer.usage)
  const raw = answer.usage ?? undefined
  const reported = asDuration(block?.seconds) ?? asDuration(answer.duration)
  const durationSeconds = reported ?? readWav(audio)?.durationSeconds
  if (durationSeconds !== undefined) {
    return {
      durationSeconds: reported,
      usage: {
        quantities: [{ meter: 'duration', quantity: quantity(durationSeconds), unit: 'seconds' }],
        certainty: reported === undefined ? 'derived' : 'exact',
        raw,
      },
    }
  }
  const input = asCount(block?.input_tokens)
  const output = asCount(block?.output_tokens)
  if (input === undefined || output === undefined) return {}
  const details = asRecord(block?.input_token_details)
  return {
    usage: {
      quantities: [...split(input, 'input', [['audio_input', details?.audio_tokens]]), tokens('output', output)],
      certainty: 'exact',
      raw,
    },
  }
}

function split(total: number, remainder: Meter, parts: readonly [Meter, unknown][]): UsageQuantity[] {
  let left = total
  const quantities: UsageQuantity[] = []
  for (const [meter, reported] of parts) {
    const count = Math.min(asCount(reported) ?? 0, left)
    left -= count
    if (count > 0) quantities.push(tokens(meter, count))
  }
  return [tokens(remainder, left), ...quantities]
}

function tokens(meter: Meter, count: number): UsageQuantity {
  return { meter, quantity: quantity(count), unit: 'tokens' }
}

function asDuration(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}
