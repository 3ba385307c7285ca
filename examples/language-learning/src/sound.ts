const SAMPLE_RATE = 8_000

/** Raw sound from a microphone: 16 bits per sample, one channel. */
export const microphoneFormat = { encoding: 'pcm_s16le', sampleRate: SAMPLE_RATE } as const

/** A silent microphone: yields `seconds` seconds of sound, a tenth of a second at a time. */
export async function* microphone(seconds: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let piece = 0; piece < seconds * 10; piece += 1) yield new Uint8Array((SAMPLE_RATE * 2) / 10)
}

/** A silent WAV file of `seconds` seconds. */
export function recording(seconds: number): Uint8Array {
  const length = SAMPLE_RATE * 2 * seconds
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + length, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(SAMPLE_RATE, 24)
  header.writeUInt32LE(SAMPLE_RATE * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36)
  header.writeUInt32LE(length, 40)
  return Buffer.concat([header, Buffer.alloc(length)])
}
