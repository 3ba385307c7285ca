import { encodeMulaw } from './mulaw.ts'

/** Samples per second of telephone audio. */
const TELEPHONE_RATE = 8_000
/** The highest frequency to keep, with a guard band below half the rate. Anything above half the rate would alias. */
const CUTOFF_HERTZ = 3_500
/** The filter's length on either side, in telephone samples. */
const REACH = 8

/**
 * Converts 16-bit little-endian samples, piece by piece, to telephone audio: 8-bit µ-law, 8,000 samples per second. A piece may
 * end within a sample.
 *
 * @param sampleRate  the rate of the input, a multiple of 8,000
 */
export function telephoneSound(sampleRate: number): (piece: Uint8Array) => Uint8Array {
  const step = sampleRate / TELEPHONE_RATE
  const taps = lowPass(sampleRate, REACH * step)
  let bytes = new Uint8Array()
  /** The last samples, as many as the filter still needs. */
  let samples = new Float32Array(taps.length - 1)
  let skip = 0
  return (piece) => {
    const all = joined(bytes, piece)
    const count = all.length >> 1
    const view = new DataView(all.buffer, all.byteOffset, count * 2)
    const known = new Float32Array(samples.length + count)
    known.set(samples)
    for (let index = 0; index < count; index += 1) known[samples.length + index] = view.getInt16(index * 2, true) / 32_768
    bytes = all.slice(count * 2)
    const heard: number[] = []
    let at = skip
    for (; at + taps.length <= known.length; at += step) {
      let sum = 0
      for (let tap = 0; tap < taps.length; tap += 1) sum += (known[at + tap] ?? 0) * (taps[tap] ?? 0)
      heard.push(Math.max(-1, Math.min(1, sum)))
    }
    const from = known.length - (taps.length - 1)
    skip = at - from
    samples = known.slice(from)
    return encodeMulaw(Float32Array.from(heard))
  }
}

/** The taps of a windowed-sinc low-pass filter, normalized to unity gain. */
function lowPass(sampleRate: number, reach: number): Float32Array {
  const turn = (2 * Math.PI * CUTOFF_HERTZ) / sampleRate
  const taps = Array.from({ length: 2 * reach + 1 }, (_, index) => {
    const x = index - reach
    const sinc = x === 0 ? turn / Math.PI : Math.sin(turn * x) / (Math.PI * x)
    // Hann window.
    return sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / (reach + 1)))
  })
  const total = taps.reduce((sum, tap) => sum + tap, 0)
  return Float32Array.from(taps, (tap) => tap / total)
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length)
  all.set(first)
  all.set(second, first.length)
  return all
}
