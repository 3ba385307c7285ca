import type { TokenRange } from './measure-text.ts'

/** What is known about an image before it is sent. */
export interface ImageFacts {
  /** Size in pixels. Absent if the image is remote, or its header does not say. */
  width?: number
  height?: number
  /** The requested level of detail. @defaultValue `auto`, which providers treat as `high` */
  detail?: 'auto' | 'low' | 'high'
}

interface Tiles {
  base: number
  tile: number
}

/**
 * Models that count tiles of 512 pixels, after scaling the image to fit 2,048 pixels and its shorter side 768. At low detail,
 * only the base counts. gpt-4o-mini's counts are higher by so much that an image costs the same as with gpt-4o.
 *
 * @source https://platform.openai.com/docs/guides/images-vision, and the bills in https://community.openai.com/t/1262691: 2,845
 *   and 8,512 tokens for a small image and twelve tokens of text with gpt-4o-mini
 */
const TILES: readonly [RegExp, Tiles][] = [
  [/^gpt-4o-mini/, { base: 2_833, tile: 5_667 }],
  [/^(gpt-4o|chatgpt-4o|gpt-4\.5|gpt-4-turbo|gpt-4-vision|gpt-4\.1(?!-mini|-nano))/, { base: 85, tile: 170 }],
  [/^(o1|o3)(?!-mini)/, { base: 75, tile: 150 }],
  [/^gpt-5(-chat.*|-20.*|-codex)?$/, { base: 70, tile: 140 }],
  [/^computer-use/, { base: 65, tile: 129 }],
]

/** Models that count patches of 32 pixels, at most 1,536 of them, and their tokens per patch. */
const PATCHES: readonly [RegExp, number][] = [
  [/^(gpt-4\.1-mini|gpt-5-mini)/, 1.62],
  [/^(gpt-4\.1-nano|gpt-5-nano)/, 2.46],
  [/^o4-mini/, 1.72],
]
const PATCHES_MAX = 1_536

/**
 * Anthropic counts one token for each square of 28 pixels, including partial ones. It first scales larger images down to 1,568
 * pixels and as many tokens, which leaves 1,521 for a square image, or to 4,784 with its newest models. Until 2026 its guide said
 * one token for each 750 pixels, and at most 1,600.
 *
 * @source https://platform.claude.com/docs/en/build-with-claude/vision
 */
const ANTHROPIC = { square: 28, longSide: 1_568, lowMax: 1_500, pixels: 750, expectedMax: 1_600, high: 4_784 }
/** Tokens of an image with an unknown model: up to twice the most of any known model but gpt-4o-mini. */
const UNKNOWN: TokenRange = { low: 85, expected: 1_105, high: 9_568 }

/**
 * Estimates how many tokens an image takes. If its size is unknown, `high` is the most that an image of any size can take.
 *
 * @param limit  the most tokens that the model's offer allows for an image, for models not known here
 */
export function imageTokens(model: string | undefined, image: ImageFacts, limit?: number): TokenRange {
  const name = (model ?? '').toLowerCase().replace(/^.*\//, '').replace(/^ft:/, '')
  const tiles = TILES.find(([beginning]) => beginning.test(name))?.[1]
  if (tiles) return tileTokens(tiles, image)
  const perPatch = PATCHES.find(([beginning]) => beginning.test(name))?.[1]
  if (perPatch !== undefined) return patchTokens(perPatch, image)
  if (/claude/.test(name)) return anthropicTokens(image, limit)
  return limit === undefined ? UNKNOWN : { low: Math.min(UNKNOWN.low, limit), expected: limit, high: limit }
}

function tileTokens({ base, tile }: Tiles, { width, height, detail }: ImageFacts): TokenRange {
  if (detail === 'low') return same(base)
  if (width === undefined || height === undefined) {
    // At most 2 by 4 tiles. A picture of usual proportions has 2 by 2.
    return { low: base + tile, expected: base + 4 * tile, high: base + 8 * tile }
  }
  const fit = Math.min(1, 2_048 / Math.max(width, height))
  const shrink = Math.min(1, 768 / (Math.min(width, height) * fit))
  const along = (side: number) => Math.ceil((side * fit * shrink) / 512)
  return same(base + tile * along(width) * along(height))
}

function patchTokens(perPatch: number, { width, height }: ImageFacts): TokenRange {
  const high = Math.ceil(PATCHES_MAX * perPatch)
  if (width === undefined || height === undefined) return { low: Math.ceil(perPatch), expected: high, high }
  const patches = Math.ceil(width / 32) * Math.ceil(height / 32)
  // An image with too many patches is scaled down. According to bills, it then counts as the maximum.
  return same(Math.min(high, Math.ceil(patches * perPatch)))
}

function anthropicTokens({ width, height }: ImageFacts, limit?: number): TokenRange {
  const { square, longSide, lowMax, pixels, expectedMax, high } = ANTHROPIC
  const most = limit ?? high
  if (width === undefined || height === undefined) return { low: 1, expected: Math.min(expectedMax, most), high: most }
  const along = (side: number) => Math.max(1, Math.ceil(Math.round(side) / square))
  const squares = (scale: number) => along(width * scale) * along(height * scale)
  const small = squares(Math.min(1, longSide / Math.max(width, height)))
  return {
    low: Math.min(small, lowMax, most),
    expected: Math.min(squares(1), limit ?? expectedMax),
    high: Math.min(Math.max(squares(1), Math.ceil((width * height) / pixels)), most),
  }
}

function same(tokens: number): TokenRange {
  return { low: tokens, expected: tokens, high: tokens }
}
