const BIAS = 132
const CLIP = 32_635

/**
 * Encodes samples from -1 to 1 as 8-bit µ-law, the format of telephones.
 *
 * @source ITU-T G.711
 */
export function encodeMulaw(samples: Float32Array): Uint8Array {
  return Uint8Array.from(samples, encode)
}

function encode(sample: number): number {
  const linear = Math.round(sample * 32_767)
  const magnitude = Math.min(Math.abs(linear), CLIP) + BIAS
  // The position of the highest set bit, from 7 to 14, gives the segment.
  const segment = Math.max(0, 24 - Math.clz32(magnitude))
  const mantissa = (magnitude >> (segment + 3)) & 0x0f
  return ~((linear < 0 ? 0x80 : 0) | (segment << 4) | mantissa) & 0xff
}
