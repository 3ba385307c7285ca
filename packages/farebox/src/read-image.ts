import type { ImageFacts } from '@farebox/pricing'

/** The formats that models take, by their first bytes. Others are not read. */
const SIGNATURES: readonly (readonly number[])[] = [
  [0x89, 0x50, 0x4e, 0x47], // PNG
  [0xff, 0xd8, 0xff], // JPEG
  [0x47, 0x49, 0x46, 0x38], // GIF
  [0x52, 0x49, 0x46, 0x46], // WebP
]

/** Base64 of the part of a file that its size is looked for in: a header, behind what a camera puts before it. */
const HEADER_LENGTH_MAX = 512 * 1024
/** No model takes a larger one. */
const SIDE_MAX = 65_535

/**
 * What an image is, by its own header. One that lies elsewhere is not fetched, and one that cannot be read is no error: both are
 * held for at the most that an image can be.
 */
export async function readImage(url: string, detail: ImageFacts['detail']): Promise<ImageFacts> {
  const unknown: ImageFacts = detail === undefined ? {} : { detail }
  const encoded = /^data:[^,]{0,200};base64,/.exec(url)
  if (!encoded) return unknown
  const data = Buffer.from(url.slice(encoded[0].length, encoded[0].length + HEADER_LENGTH_MAX), 'base64')
  if (!SIGNATURES.some((signature) => signature.every((byte, index) => data[index] === byte))) return unknown
  const { imageSize } = await import('image-size')
  try {
    const { width, height } = imageSize(data)
    return isSide(width) && isSide(height) ? { ...unknown, width, height } : unknown
  } catch {
    return unknown
  }
}

function isSide(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && value <= SIDE_MAX
}
