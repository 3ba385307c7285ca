/** The header of a WAV file, and the length of the audio after it. */
export interface WavFacts {
  /** Frames per second. */
  sampleRate: number
  channels: number
  bitsPerSample: number
  /** The length of the audio actually there. The header may promise more, or not know it if the file was streamed. */
  durationSeconds: number
}

const HEADER_BYTES = 44
const PCM = 1

/** Reads the header of a WAV file. `undefined` if it is not one or has no audio data. */
export function readWav(data: Uint8Array): WavFacts | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  if (data.length < HEADER_BYTES || tag(data, 0) !== 'RIFF' || tag(data, 8) !== 'WAVE') return undefined
  let format: Omit<WavFacts, 'durationSeconds'> | undefined
  let bytesPerSecond = 0
  for (let offset = 12; offset + 8 <= data.length; ) {
    const name = tag(data, offset)
    const size = view.getUint32(offset + 4, true)
    const body = offset + 8
    if (name === 'fmt ' && body + 16 <= data.length) {
      format = {
        channels: view.getUint16(body + 2, true),
        sampleRate: view.getUint32(body + 4, true),
        bitsPerSample: view.getUint16(body + 14, true),
      }
      // For PCM the byte rate follows from the other fields, and the header's own may be wrong.
      const { channels, sampleRate, bitsPerSample } = format
      const isPlain = view.getUint16(body, true) === PCM
      bytesPerSecond = isPlain ? (sampleRate * channels * bitsPerSample) / 8 : view.getUint32(body + 8, true)
    } else if (name === 'data' && format && bytesPerSecond > 0) {
      return { ...format, durationSeconds: Math.min(size, data.length - body) / bytesPerSecond }
    }
    // Chunks are padded to an even length.
    offset = body + size + (size % 2)
  }
  return undefined
}

/** Writes samples from -1 to 1 as a 16-bit mono WAV file. */
export function writeWav(samples: Float32Array, sampleRate: number): Uint8Array {
  const sound = writePcm(samples)
  const file = new Uint8Array(HEADER_BYTES + sound.length)
  const view = new DataView(file.buffer)
  const write = (offset: number, text: string) => file.set(new TextEncoder().encode(text), offset)
  write(0, 'RIFF')
  view.setUint32(4, file.length - 8, true)
  write(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, PCM, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  write(36, 'data')
  view.setUint32(40, sound.length, true)
  file.set(sound, HEADER_BYTES)
  return file
}

/** Encodes samples from -1 to 1 as 16-bit little-endian PCM, without a header. */
export function writePcm(samples: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(samples.length * 2))
  samples.forEach((sample, index) => {
    view.setInt16(index * 2, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true)
  })
  return new Uint8Array(view.buffer)
}

function tag(data: Uint8Array, offset: number): string {
  return String.fromCharCode(...data.subarray(offset, offset + 4))
}
