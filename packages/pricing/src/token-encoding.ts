/** The vocabularies of OpenAI's models that are public. */
export const tokenEncodings = ['o200k_base', 'cl100k_base'] as const
/** How a family of models divides text into tokens. */
export type TokenEncoding = (typeof tokenEncodings)[number]

/** The beginnings of model ids, the more particular first. Models that are newer than this list are not guessed at, nor other vendors' of like names. */
const BEGINNINGS: readonly [RegExp, TokenEncoding][] = [
  [/^(gpt-4o|chatgpt-4o|gpt-4\.[1-9]|gpt-5|gpt-oss|gpt-realtime|gpt-audio|o[134](?![a-z0-9])|codex-|computer-use)/, 'o200k_base'],
  [/^(gpt-(4|3\.5)(?![0-9.])|text-embedding-(ada|3)-)/, 'cl100k_base'],
]

/**
 * The encoding by which a model counts tokens: `o200k_base` for `gpt-4o-mini-2024-07-18`. A vendor in front (`openai/`) and the mark
 * of a fine-tuned model are looked past.
 *
 * @returns `undefined` for models whose vocabulary is not public, such as Claude and Gemini
 */
export function encodingOf(model: string): TokenEncoding | undefined {
  // Each call asks this of all models that are on offer, and it is always the same ones.
  if (known.has(model)) return known.get(model)
  const name = model.toLowerCase().replace(/^.*\//, '').replace(/^ft:/, '')
  const encoding = BEGINNINGS.find(([beginning]) => beginning.test(name))?.[1]
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(model, encoding)
  return encoding
}

const known = new Map<string, TokenEncoding | undefined>()
const KNOWN_MAX = 1_000
