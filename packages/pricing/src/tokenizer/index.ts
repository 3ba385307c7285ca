import { LRUCache } from 'lru-cache'
import type { CountTokens } from '../measure-text.ts'
import { type TokenEncoding, tokenEncodings } from '../token-encoding.ts'

/** Token counters by encoding. Those not available are absent. */
export type Tokenizers = Readonly<Partial<Record<TokenEncoding, CountTokens>>>

/** The part of `gpt-tokenizer` that is used. */
interface Encoding {
  countTokens(text: string, options: { disallowedSpecial: Set<string> }): number
}

/** Longest piece to tokenize. Tokenizing takes time quadratic in a word's length, and text without spaces is one word. */
const PIECE = 256
/**
 * How many piece counts to cache: some megabytes. Conversations resend their history with every turn, and services their prompts.
 */
const KEPT = 8_192
/** Characters to count before yielding to the event loop: about ten milliseconds of work. */
const TURN = 65_536
/** Counts text that looks like a special token as ordinary text. */
const AS_TEXT = { disallowedSpecial: new Set<string>() }

const loading = new Map<TokenEncoding, Promise<CountTokens | undefined>>()
const loaded = new Map<TokenEncoding, CountTokens>()

/**
 * Loads the tokenizers of `gpt-tokenizer` on first use. `o200k_base` takes about 70 MB of memory and a quarter of a second,
 * `cl100k_base` a third of that.
 *
 * @returns the available tokenizers: none if the package is not installed
 */
export async function loadTokenizers(encodings: Iterable<TokenEncoding> = tokenEncodings): Promise<Tokenizers> {
  const tokenizers: Partial<Record<TokenEncoding, CountTokens>> = {}
  const missing: TokenEncoding[] = []
  for (const encoding of new Set(encodings)) {
    // Every chat comes through here, and loaded ones need no waiting.
    const known = loaded.get(encoding)
    if (known) tokenizers[encoding] = known
    else missing.push(encoding)
  }
  if (missing.length === 0) return tokenizers
  const counters = await Promise.all(missing.map(load))
  for (const [index, count] of counters.entries()) if (count) tokenizers[missing[index] as TokenEncoding] = count
  return tokenizers
}

/**
 * Makes a counter that counts a text in pieces, and yields to the event loop during long ones. Pieces are cut from the front, so
 * that a text that extends an earlier one shares its pieces, and their cached counts.
 */
export function countInPieces({ countTokens }: Encoding): CountTokens {
  const counts = new LRUCache<string, number>({ max: KEPT })
  const countPiece = (piece: string): number => {
    const known = counts.get(piece)
    if (known !== undefined) return known
    const count = countTokens(piece, AS_TEXT)
    // Copy the key: a substring would keep the whole text in memory.
    counts.set(JSON.parse(JSON.stringify(piece)), count)
    return count
  }
  return (text) => (text.length <= TURN ? countSlice(countPiece, text, 0, text.length) : countLong(countPiece, text))
}

type CountPiece = (piece: string) => number

async function countLong(countPiece: CountPiece, text: string): Promise<number> {
  let total = 0
  for (let start = 0; start < text.length; ) {
    if (start > 0) await new Promise((resolve) => setTimeout(resolve))
    const end = start + TURN < text.length ? wholeCharacters(text, start + TURN) : text.length
    total += countSlice(countPiece, text, start, end)
    start = end
  }
  return total
}

function countSlice(countPiece: CountPiece, text: string, from: number, to: number): number {
  let total = 0
  for (let start = from; start < to; ) {
    const end = pieceEnd(text, start, to)
    total += countPiece(text.slice(start, end))
    start = end
  }
  return total
}

/** Cuts before a space if possible, since a token includes the space before its word, and never within a character. */
function pieceEnd(text: string, start: number, to: number): number {
  const end = start + PIECE
  if (end >= to) return to
  const middle = start + PIECE / 2 + 1
  // Search a slice: in a text without spaces, `lastIndexOf` on the text itself would scan back to its beginning for each piece.
  const space = text.slice(middle, end + 1).lastIndexOf(' ')
  return space >= 0 ? middle + space : wholeCharacters(text, end)
}

/** Moves a cut so that it does not split a surrogate pair. */
function wholeCharacters(text: string, end: number): number {
  const isTrailing = (text.charCodeAt(end) & 0xfc00) === 0xdc00
  return isTrailing ? end - 1 : end
}

function load(encoding: TokenEncoding): Promise<CountTokens | undefined> {
  const known = loading.get(encoding)
  if (known) return known
  const found = importEncoding(encoding).then(
    (vocabulary) => {
      if (!vocabulary) return undefined
      const count = countInPieces(vocabulary)
      loaded.set(encoding, count)
      return count
    },
    (error: unknown) => {
      loading.delete(encoding)
      throw error
    },
  )
  loading.set(encoding, found)
  return found
}

/** @returns `undefined` if the package is not installed */
async function importEncoding(encoding: TokenEncoding): Promise<Encoding | undefined> {
  // Literal specifiers let bundlers see the imports. Within a `try`, they only warn if the package is not installed.
  try {
    if (encoding === 'o200k_base') return await import('gpt-tokenizer/encoding/o200k_base')
    return await import('gpt-tokenizer/encoding/cl100k_base')
  } catch (error) {
    if (isNotInstalled(error)) return undefined
    throw error
  }
}

/**
 * Whether a module is missing. Programs bundled as CommonJS use `require`, which has an error code of its own. Vite bundles a module
 * that throws an error without a code, and ncc a `require`, which its ES modules lack.
 */
function isNotInstalled(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return true
  return /^Could not resolve "|^require is not defined/.test(String(message))
}
