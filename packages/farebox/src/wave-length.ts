/** Formats whose samples all have the same length. @source RFC 2361 and Microsoft's mmreg.h */
const PCM = 1
const FLOAT = 3
const A_LAW = 6
const MU_LAW = 7
/** The tag of the format is among those of the extension. */
const EXTENSIBLE = 0xfffe

/** Identifiers of chunks: `fmt ` and `data`. */
const FORMAT = 0x666d7420
const SOUND = 0x64617461

/** How long a WAV recording is by its samples, and how many bytes a second of them takes. */
export interface WaveLength {
  durationSeconds: number
  bytesPerSecond: number
}

/**
 * The duration of a WAV recording by the bytes of its sound, if its samples all have the same length. The other things that a header
 * says of it may be wrong: a writer that cannot go back to the header leaves lengths of zero, and a forger may write any. All chunks
 * of sound count, since ffmpeg plays them one after the other. Of two formats, some players take the first and some the last, so
 * the one counts by which the sound is longer.
 */
export function waveLength(data: Buffer): WaveLength | undefined {
  let secondBytes = Number.POSITIVE_INFINITY
  let soundBytes = 0
  for (let at = 12; at + 8 <= data.length; ) {
    const kind = data.readUInt32BE(at)
    const length = data.readUInt32LE(at + 4)
    at += 8
    if (kind === FORMAT) secondBytes = Math.min(bytesPerSecond(data.subarray(at, at + length)) ?? secondBytes, secondBytes)
    if (kind === SOUND) {
      const rest = data.length - at
      soundBytes += length === 0 ? rest : Math.min(length, rest)
      if (length === 0) break
    }
    at += length + (length % 2)
  }
  if (secondBytes === Number.POSITIVE_INFINITY) return undefined
  return { durationSeconds: soundBytes / secondBytes, bytesPerSecond: secondBytes }
}

/** `undefined` if the samples have no common length, or none at all. */
function bytesPerSecond(format: Buffer): number | undefined {
  if (format.length < 16) return undefined
  const tag = format.readUInt16LE(0)
  const sampleBytes = bytesPerSample(tag === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : tag, format)
  return (sampleBytes && format.readUInt16LE(2) * format.readUInt32LE(4) * sampleBytes) || undefined
}

function bytesPerSample(tag: number, format: Buffer): number | undefined {
  if (tag === A_LAW || tag === MU_LAW) return 1
  return tag === PCM || tag === FLOAT ? Math.ceil(format.readUInt16LE(14) / 8) : undefined
}
