import { encodingOf, type TokenEncoding, tokenEncodings } from './token-encoding.ts'

/** The least, the expected and the most tokens, as whole numbers. */
export interface TokenRange {
  low: number
  expected: number
  high: number
}

/** The size of a text, and its token counts by encoding, where it was counted. */
export interface TextMeasure {
  asciiCharacters: number
  /** UTF-8 bytes of all other characters. */
  otherBytes: number
  tokens: Readonly<Partial<Record<TokenEncoding, number>>>
}

/** Counts tokens in one encoding, such as those of `@farebox/pricing/tokenizer`. */
export type CountTokens = (text: string) => number | Promise<number>

/** Average number of English characters in a token, and of UTF-8 bytes in other scripts. */
const ASCII_PER_TOKEN = 4
const OTHER_BYTES_PER_TOKEN = 3
/** Counts miss the framing that providers add, and are made in pieces. */
const COUNT_TOLERANCE = 0.02
/** Token counts of models without a public encoding, relative to the public ones: least, average and most. */
const OTHER_VENDORS = { low: 0.9, expected: 1.15, high: 2 }
/**
 * The most tokens for a UTF-8 byte of a script that a vocabulary hardly knows. o200k_base knows most scripts well: Claude makes more
 * than twice as many tokens of Arabic and Hindi, and cl100k_base six times as many of Georgian.
 *
 * @source Aran Komatsuzaki's counts of one text in several languages (2026): Claude 2.86 to OpenAI's 1.31 for Arabic
 */
const UNKNOWN_SCRIPT = 0.7

/** Measures a text, using the available token counters. */
export async function measureText(
  text: string,
  counters: Readonly<Partial<Record<TokenEncoding, CountTokens>>> = {},
): Promise<TextMeasure> {
  const others = isAscii(text) ? '' : text.replace(/[\0-\x7f]+/g, '')
  const tokens: Partial<Record<TokenEncoding, number>> = {}
  for (const encoding of tokenEncodings) {
    const count = counters[encoding]
    if (!count) continue
    const counted = text === '' ? 0 : count(text)
    // Counters are usually synchronous. Awaiting only promises keeps that case fast.
    tokens[encoding] = typeof counted === 'number' ? counted : await counted
  }
  return { asciiCharacters: text.length - others.length, otherBytes: others === '' ? 0 : utf8Bytes(others), tokens }
}

/**
 * Estimates how many tokens a text has for a model. It uses the model's own encoding if that is public and was counted, or else
 * another one, or the text's size. With size alone, `high` holds for every text, since no vocabulary makes more than one token of
 * a byte. `high` is never below the estimate by size: a server that speaks a provider's API may run another model under a known
 * name, or count by size.
 *
 * @param model  `undefined` means any model
 */
export function textTokens({ asciiCharacters, otherBytes, tokens }: TextMeasure, model: string | undefined): TokenRange {
  const encoding = model === undefined ? undefined : encodingOf(model)
  const own = encoding && tokens[encoding]
  const similar = tokens.o200k_base ?? tokens.cl100k_base
  const bytes = asciiCharacters + otherBytes
  const bySize = asciiCharacters / ASCII_PER_TOKEN + otherBytes / OTHER_BYTES_PER_TOKEN
  const range = (low: number, expected: number, high: number): TokenRange => {
    const atMost = Math.min(bytes, Math.ceil(Math.max(high, bySize)))
    return { low: Math.min(Math.ceil(low), atMost), expected: Math.min(Math.ceil(expected), atMost), high: atMost }
  }
  if (own !== undefined) return range(own, own, own * (1 + COUNT_TOLERANCE))
  if (similar === undefined) return range(bySize / 2, bySize, bytes)
  const { low, expected, high } = OTHER_VENDORS
  const unknownScript = asciiCharacters / ASCII_PER_TOKEN + otherBytes * UNKNOWN_SCRIPT
  return range(similar * low, similar * expected, Math.max(similar * high, unknownScript))
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length
}
