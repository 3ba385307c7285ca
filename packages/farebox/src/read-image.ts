import type { ImageFacts } from '@farebox/pricing'

/** The signatures of the formats that models accept. Other formats are not read. */
const SIGNATURES: readonly (readonly number[])[] = [
  [0x89, 0x50, 0x4e, 0x47], // PNG
  [0xff, 0xd8, 0xff], // JPEG
  [0x47, 0x49, 0x46, 0x38], // GIF
  [0x52, 0x49, 0x46, 0x46], // WebP
]

/** How many Base64 characters to search for the image's size: enough for the metadata of a camera before it. */
const HEADER_LENGTH_MAX = 512 * 1024
/** The longest side in pixels. No model accepts a larger image. */
const SIDE_MAX = 65_535

/**
 * Reads the size of an image from its own header. It does not fetch a remote image, and an unreadable image is not an error. For
 * both, the hold assumes the largest possible image.
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
