import { disjointTokens, quantity, type TokenSource, type Usage } from '@farebox/core'
import { block, reportedNumber } from './reported.ts'
import { webSearches } from './web-searches.ts'

const chat: TokenSource = {
  name: 'OpenAI chat completions',
  inputIncludes: ['cached_input', 'cache_write', 'audio_input'],
  outputIncludes: ['reasoning', 'audio_output'],
}
const responses: TokenSource = {
  name: 'OpenAI responses',
  inputIncludes: ['cached_input', 'cache_write'],
  outputIncludes: ['reasoning'],
}
const realtime: TokenSource = {
  name: 'OpenAI realtime',
  inputIncludes: ['cached_input', 'cached_audio_input', 'cached_image_input', 'audio_input', 'image_input'],
  outputIncludes: ['audio_output'],
}
const transcription: TokenSource = { name: 'OpenAI transcriptions', inputIncludes: ['audio_input'], outputIncludes: [] }
const speech: TokenSource = { name: 'OpenAI speech', inputIncludes: [], outputIncludes: [] }
const embeddings: TokenSource = { name: 'OpenAI embeddings', inputIncludes: [], outputIncludes: [] }

/**
 * Reads the `usage` of a chat completion, or of the last chunk of its stream. Image tokens stay within `input`, because OpenAI
 * bills them like any other input. Rejected predictions stay within `output`, for the same reason.
 *
 * Other servers leave out of `completion_tokens` what the model thought. If their `total_tokens` reveal it, it counts: as
 * `reasoning` where they report that too, and otherwise as `output`, which makes the usage `derived`.
 *
 * @returns `undefined` when the block is absent, lacks its input or output tokens, or has no tokens at all: unreported is not
 *   zero, and some servers write zeros because they do not count
 * @throws {InvalidUsageError} the counts contradict each other, or are not counts
 */
export function openaiChatUsage(usage: unknown): Usage | undefined {
  const read = reader(chat, usage)
  const input = read('prompt_tokens')
  const output = read('completion_tokens')
  if (input === undefined || output === undefined) return undefined
  const prompt = reader(chat, block(usage)?.prompt_tokens_details)
  const completion = reader(chat, block(usage)?.completion_tokens_details)
  const reasoning = completion('reasoning_tokens')
  const beyond = (read('total_tokens') ?? 0) - input - output
  const leftOut = beyond > 0 && (!reasoning || beyond === reasoning) ? beyond : 0
  if (input + output + leftOut === 0) return undefined
  const told = exact(usage, chat, {
    input,
    output: output + leftOut,
    cached_input: prompt('cached_tokens'),
    cache_write: prompt('cache_write_tokens'),
    audio_input: prompt('audio_tokens'),
    reasoning,
    audio_output: completion('audio_tokens'),
  })
  return leftOut > 0 && !reasoning ? { ...told, certainty: 'derived' } : told
}

/**
 * Reads the `usage` of a response, which a stream carries in its `response.completed`, like {@link openaiChatUsage}.
 *
 * @param toolUsage  the response's `tool_usage`, apart from its `usage`: OpenAI bills searches of the web per request
 */
export function openaiResponseUsage(usage: unknown, toolUsage?: unknown): Usage | undefined {
  const read = reader(responses, usage)
  const input = read('input_tokens')
  const output = read('output_tokens')
  if (input === undefined || output === undefined) return undefined
  const details = reader(responses, block(usage)?.input_tokens_details)
  const searches = reader(responses, block(toolUsage)?.web_search)('num_requests')
  if (input + output === 0 && !searches) return undefined
  const tokens = exact(usage, responses, {
    input,
    output,
    cached_input: details('cached_tokens'),
    cache_write: details('cache_write_tokens'),
    reasoning: reader(responses, block(usage)?.output_tokens_details)('reasoning_tokens'),
  })
  if (!searches) return tokens
  const raw = { ...block(usage), tool_usage: toolUsage }
  return { ...tokens, quantities: [...tokens.quantities, webSearches(searches)], raw }
}

/**
 * Reads the `usage` of a realtime session's `response.done`. Audio and images have their own prices there, cached or not. Cached
 * tokens without a breakdown count as cached text.
 */
export function openaiRealtimeUsage(usage: unknown): Usage | undefined {
  const read = reader(realtime, usage)
  const input = read('input_tokens')
  const output = read('output_tokens')
  if (input === undefined || output === undefined) return undefined
  const given = block(usage)?.input_token_details
  const details = reader(realtime, given)
  const cachedDetails = reader(realtime, block(given)?.cached_tokens_details)
  const cached = details('cached_tokens')
  const cachedAudio = cachedDetails('audio_tokens')
  const cachedImages = cachedDetails('image_tokens')
  return exact(usage, realtime, {
    input,
    output,
    cached_input: less(less(cached, cachedAudio), cachedImages),
    cached_audio_input: cachedAudio,
    cached_image_input: cachedImages,
    audio_input: less(details('audio_tokens'), cachedAudio),
    image_input: less(details('image_tokens'), cachedImages),
    audio_output: reader(realtime, block(usage)?.output_token_details)('audio_tokens'),
  })
}

/**
 * Reads the usage of a transcription. OpenAI bills some models by the audio's duration (`gpt-transcribe`, `whisper-1`) and others
 * by tokens (`gpt-4o-transcribe`). The format `verbose_json` also reports the duration.
 *
 * @param answer  the whole answer, not just its `usage`
 */
export function openaiTranscriptionUsage(answer: unknown): Usage | undefined {
  const given = block(answer)?.usage
  const read = reader(transcription, given)
  const seconds = read('seconds')
  if (seconds !== undefined) return duration(seconds, given)
  const input = read('input_tokens')
  const output = read('output_tokens')
  if (input === undefined || output === undefined) {
    const told = reader(transcription, answer)('duration')
    return told === undefined ? undefined : duration(told, given)
  }
  const audio = reader(transcription, block(given)?.input_token_details)('audio_tokens')
  return exact(given, transcription, { input, output, audio_input: audio })
}

/** Reads the `usage` of a `speech.audio.done`: text in, audio out. A speech that arrives as plain bytes reports no usage. */
export function openaiSpeechUsage(usage: unknown): Usage | undefined {
  const read = reader(speech, usage)
  const input = read('input_tokens')
  const output = read('output_tokens')
  if (input === undefined || output === undefined) return undefined
  return exact(usage, speech, { input, audio_output: output })
}

/** Reads the `usage` of embeddings, which have no output tokens. `undefined` also for zero, as in {@link openaiChatUsage}. */
export function openaiEmbeddingUsage(usage: unknown): Usage | undefined {
  const input = reader(embeddings, usage)('prompt_tokens')
  return input === undefined || input === 0 ? undefined : exact(usage, embeddings, { input })
}

function reader({ name }: TokenSource, of: unknown): (field: string) => number | undefined {
  const fields = block(of)
  return (field) => reportedNumber(name, fields, field)
}

function exact(raw: unknown, source: TokenSource, counts: Parameters<typeof disjointTokens>[0]): Usage {
  return { quantities: disjointTokens(counts, source), certainty: 'exact', raw }
}

function duration(seconds: number, raw: unknown): Usage {
  const quantities = [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' as const }]
  return { quantities, certainty: 'exact', ...(raw === undefined || raw === null ? {} : { raw }) }
}

/** A count minus a part of it. The result may be negative: `disjointTokens` then throws. */
function less(count: number | undefined, part: number | undefined): number | undefined {
  return count === undefined ? undefined : count - (part ?? 0)
}
