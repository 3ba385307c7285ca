import { describe, expect, it } from 'vitest'
import { encodeMulaw } from './mulaw.ts'
import { telephoneSound } from './telephone-sound.ts'
import { writePcm } from './wav.ts'

const RATE = 24_000
const tone = (hertz: number, samples: number, rate: number, shift = 0) =>
  Float32Array.from({ length: samples }, (_, index) => 0.5 * Math.sin((2 * Math.PI * hertz * (index - shift)) / rate))

/** The loudest of µ-law's samples, from 0 to 127: its code counts down from silence. */
const loudest = (sound: Uint8Array) => Math.max(...sound.map((code) => 0x7f - (code & 0x7f)))

describe('sound for a telephone', () => {
  it('has a third of the samples of OpenAI’s, however it is cut into pieces', () => {
    const pcm = writePcm(tone(440, RATE, RATE))
    const whole = telephoneSound(RATE)(pcm)
    expect(Math.abs(whole.length - 8_000)).toBeLessThan(20)
    const hear = telephoneSound(RATE)
    const pieces: number[] = []
    for (let at = 0, length = 1; at < pcm.length; at += length, length = (length * 7) % 251) {
      pieces.push(...hear(pcm.subarray(at, at + length)))
    }
    expect(Uint8Array.from(pieces)).toEqual(whole)
  })

  it('sounds as it did where a telephone can, and not at all above that', () => {
    const low = telephoneSound(RATE)(writePcm(tone(440, RATE, RATE)))
    expect(loudest(low)).toBe(loudest(encodeMulaw(tone(440, 8_000, 8_000))))
    const high = telephoneSound(RATE)(writePcm(tone(6_000, RATE, RATE)))
    // Below a hundredth as loud, once the filter has heard where the tone begins.
    expect(loudest(high.subarray(40))).toBeLessThan(loudest(encodeMulaw(Float32Array.of(0.006))))
  })
})
