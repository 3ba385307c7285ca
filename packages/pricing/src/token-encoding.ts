/** The public token encodings of OpenAI's models. */
export const tokenEncodings = ['o200k_base', 'cl100k_base'] as const
/** The name of a public token encoding. */
export type TokenEncoding = (typeof tokenEncodings)[number]

/**
 * Patterns of model ids and their encodings, the more specific first. Unknown models match none: newer ones, and other vendors'
 * with similar names.
 */
const BEGINNINGS: readonly [RegExp, TokenEncoding][] = [
  [/^(gpt-4o|chatgpt-4o|gpt-4\.[1-9]|gpt-5|gpt-oss|gpt-realtime|gpt-audio|o[134](?![a-z0-9])|codex-|computer-use)/, 'o200k_base'],
  [/^(gpt-(4|3\.?5)(?![0-9.])|text-embedding-(ada|3)-)/, 'cl100k_base'],
]

/**
 * Returns the encoding by which a model counts tokens: `o200k_base` for `gpt-4o-mini-2024-07-18`. It ignores a vendor prefix
 * (`openai/`) and the prefix of a fine-tuned model (`ft:`), and knows Azure's spelling `gpt-35-turbo`.
 *
 * @returns `undefined` for models without a public encoding, such as Claude and Gemini
 */
export function encodingOf(model: string): TokenEncoding | undefined {
  // Each call looks up all models on offer, which are always the same.
  if (known.has(model)) return known.get(model)
  const name = model.toLowerCase().replace(/^.*\//, '').replace(/^ft:/, '')
  const encoding = BEGINNINGS.find(([beginning]) => beginning.test(name))?.[1]
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(model, encoding)
  return encoding
}

const known = new Map<string, TokenEncoding | undefined>()
const KNOWN_MAX = 1_000
