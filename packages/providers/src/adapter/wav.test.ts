import { describe, expect, it } from 'vitest'
import { readWav, writeWav } from './wav.ts'

describe('readWav', () => {
  it('reads back the length of what writeWav wrote', () => {
    const file = writeWav(new Float32Array(12_000), 8_000)
    expect(readWav(file)).toEqual({ sampleRate: 8_000, channels: 1, bitsPerSample: 16, durationSeconds: 1.5 })
  })

  it('finds the sound behind chunks that it does not know', () => {
    const plain = writeWav(new Float32Array(8_000), 8_000)
    const file = new Uint8Array([
      ...plain.subarray(0, 36),
      ...new TextEncoder().encode('LIST'),
      3,
      0,
      0,
      0,
      1,
      2,
      3,
      0,
      ...plain.subarray(36),
    ])
    expect(readWav(file)?.durationSeconds).toBe(1)
  })

  it('counts the sound that is there, not the sound that a streamed header promises', () => {
    const file = writeWav(new Float32Array(4_000), 8_000)
    new DataView(file.buffer).setUint32(40, 0xffff_ffff, true)
    expect(readWav(file)?.durationSeconds).toBe(0.5)
  })

  it('says nothing about bytes that are no WAV file', () => {
    expect(readWav(new Uint8Array(0))).toBeUndefined()
    expect(readWav(new TextEncoder().encode('RIFF'.padEnd(60, 'x')))).toBeUndefined()
    expect(readWav(writeWav(new Float32Array(0), 8_000).subarray(0, 40))).toBeUndefined()
  })
})
