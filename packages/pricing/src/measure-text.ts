import { encodingOf, type TokenEncoding, tokenEncodings } from './token-encoding.ts'

/** At least, as expected, and at most: whole tokens. */
export interface TokenRange {
  low: number
  expected: number
  high: number
}

/** What is known of a text: its size, and its tokens by the vocabularies that it was counted with. */
export interface TextMeasure {
  asciiCharacters: number
  /** UTF-8 bytes of all other characters. */
  otherBytes: number
  tokens: Readonly<Partial<Record<TokenEncoding, number>>>
}

/** Counts tokens by one vocabulary, such as those of `@farebox/pricing/tokenizer`. */
export type CountTokens = (text: string) => number | Promise<number>

/** Characters of English, and bytes of other scripts, in one token on average. */
const ASCII_PER_TOKEN = 4
const OTHER_BYTES_PER_TOKEN = 3
/** Texts are counted without the frame that the provider puts around them, and in pieces. */
const COUNT_TOLERANCE = 0.02
/** Vocabularies that are not public, beside the one of 200,000 words: at least, on average, and at most. */
const OTHER_VENDORS = { low: 0.9, expected: 1.15, high: 2 }

/** Measures a text, with the counters that there are. */
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
    // Mostly they are counted already, and then nothing is waited for.
    tokens[encoding] = typeof counted === 'number' ? counted : await counted
  }
  return { asciiCharacters: text.length - others.length, otherBytes: others === '' ? 0 : utf8Bytes(others), tokens }
}

/**
 * How many tokens of a model a text is. By the model's own vocabulary where that is public and was counted; else guessed from
 * another, or from its size. No vocabulary makes more than one token of a byte, so `high` holds for every text. It is never less than
 * by size either: a server that speaks a provider's API may have another model behind a known name, or count by size itself.
 *
 * @param model  `undefined`: any model
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
  return range(similar * low, similar * expected, similar * high)
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length
}
