import { LRUCache } from 'lru-cache'
import type { CountTokens } from '../measure-text.ts'
import { type TokenEncoding, tokenEncodings } from '../token-encoding.ts'

/** What counts tokens, by encoding; one that is not there counts nothing. */
export type Tokenizers = Readonly<Partial<Record<TokenEncoding, CountTokens>>>

/** The slice of `gpt-tokenizer` that is used. */
interface Encoding {
  countTokens(text: string, options: { disallowedSpecial: Set<string> }): number
}

/** A tokenizer takes the square of a word's length, and a script without spaces is one word: longer ones are cut. */
const PIECE = 256
/** Pieces whose counts are kept: some megabytes. A conversation sends all that was said again with every turn, a service its instructions. */
const KEPT = 8_192
/** What is counted before others get their turn: about ten milliseconds of work. */
const TURN = 65_536
/** What looks like a mark of the model's own is text like any other. */
const AS_TEXT = { disallowedSpecial: new Set<string>() }

const loading = new Map<TokenEncoding, Promise<CountTokens | undefined>>()
const loaded = new Map<TokenEncoding, CountTokens>()

/**
 * The tokenizers of `gpt-tokenizer`, loaded when first asked for: about 70 MB of memory and a quarter of a second for
 * `o200k_base`, a third of that for `cl100k_base`.
 *
 * @returns those that there are: none where the package is not installed
 */
export async function loadTokenizers(encodings: Iterable<TokenEncoding> = tokenEncodings): Promise<Tokenizers> {
  const tokenizers: Partial<Record<TokenEncoding, CountTokens>> = {}
  const missing: TokenEncoding[] = []
  for (const encoding of new Set(encodings)) {
    // Each chat asks for them, and what is loaded need not be waited for.
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
 * Counts a text with an encoding, in pieces, letting others have their turn during long ones. Pieces are cut from the front, so that a text
 * which goes on where another ended has the same ones, and those are not counted again.
 */
export function countInPieces({ countTokens }: Encoding): CountTokens {
  const counts = new LRUCache<string, number>({ max: KEPT })
  const countPiece = (piece: string): number => {
    const known = counts.get(piece)
    if (known !== undefined) return known
    const count = countTokens(piece, AS_TEXT)
    // Copied: a part of a text keeps the whole of it in memory.
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

/** Before a space where there is one, since words begin with theirs, and never within a character. */
function pieceEnd(text: string, start: number, to: number): number {
  const end = start + PIECE
  if (end >= to) return to
  const middle = start + PIECE / 2 + 1
  // Not from the text itself: where it has no space, that would be looked for back to its beginning, piece by piece.
  const space = text.slice(middle, end + 1).lastIndexOf(' ')
  return space >= 0 ? middle + space : wholeCharacters(text, end)
}

/** Where to cut a text that is not to be cut within a character. */
function wholeCharacters(text: string, end: number): number {
  const isTrailing = (text.charCodeAt(end) & 0xfc00) === 0xdc00
  return isTrailing ? end - 1 : end
}

function load(encoding: TokenEncoding): Promise<CountTokens | undefined> {
  const known = loading.get(encoding)
  if (known) return known
  const found = importEncoding(encoding).then(
    (vocabulary) => {
      const count = countInPieces(vocabulary)
      loaded.set(encoding, count)
      return count
    },
    (error: unknown) => {
      if (isNotInstalled(error)) return undefined
      loading.delete(encoding)
      throw error
    },
  )
  loading.set(encoding, found)
  return found
}

function importEncoding(encoding: TokenEncoding): Promise<Encoding> {
  // Each named as a whole, so that bundlers see them, and caught where it stands, so that they go on where the package is not installed.
  return encoding === 'o200k_base'
    ? import('gpt-tokenizer/encoding/o200k_base').catch(passOn)
    : import('gpt-tokenizer/encoding/cl100k_base').catch(passOn)
}

function passOn(error: unknown): never {
  throw error
}

/** A program that was bundled as CommonJS asks with `require`, which has a code of its own. */
function isNotInstalled(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND'
}
