import type { Audio } from '@farebox/core'
import type { IFormat } from 'music-metadata'
import { InvalidAudioError } from './errors.ts'

/** Recorded sound that was looked into: what it is, and how long it takes. */
export interface ReadAudio extends Audio {
  durationSeconds: number
}

/** What containers are called on the wire, by the names that music-metadata gives them. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  WAVE: 'audio/wav',
  MPEG: 'audio/mpeg',
  FLAC: 'audio/flac',
  Ogg: 'audio/ogg',
  'EBML/webm': 'audio/webm',
  'EBML/matroska': 'audio/webm',
}

/** Speech at the lowest rate in use, 6 kbit/s: the longest that sound of unstated length can be. */
const BYTES_PER_SECOND_MIN = 750
/** 512 kbit/s: above every lossy format in use. */
const LOSSY_BYTES_PER_SECOND_MAX = 64_000
/** Covers and other tags, which a short file may mostly consist of. */
const TAG_BYTES = 512 * 1024

/**
 * Finds out what a recording is and how long it takes, by its own header and not by what its sender says of it.
 *
 * @throws {InvalidAudioError} it is empty, or no sound that is known
 */
export async function readAudio(data: Uint8Array): Promise<ReadAudio> {
  if (!ArrayBuffer.isView(data))
    throw new InvalidAudioError('audio must be the bytes of a recording: a Uint8Array, such as readFile() gives')
  if (data.byteLength === 0) throw new InvalidAudioError('the audio is empty')
  // Loaded with the first recording: whoever only chats needs none of it.
  const { parseBuffer } = await import('music-metadata')
  const { format } = await parseBuffer(data, undefined, { duration: true, skipCovers: true }).catch((error: unknown) => {
    throw new InvalidAudioError('the upload is not audio of a known kind (wav, mp3, ogg, flac, m4a, webm)', { cause: error })
  })
  if (!format.container || format.hasAudio === false) {
    throw new InvalidAudioError('the upload is not audio of a known kind (wav, mp3, ogg, flac, m4a, webm)')
  }
  // A WAV file counts its samples: one that tells no length has none.
  const longest = format.container === 'WAVE' ? 0 : data.byteLength / BYTES_PER_SECOND_MIN
  const durationSeconds = format.duration ?? longest
  if (!(durationSeconds > 0)) throw new InvalidAudioError('the audio has no sound in it')
  const bytesPerSecond = (data.byteLength - TAG_BYTES) / durationSeconds
  if (bytesPerSecond > bytesPerSecondMax(format)) {
    throw new InvalidAudioError(
      `the audio says that it takes ${durationSeconds.toFixed(1)} seconds, too short a time for its size`,
    )
  }
  return { data, mediaType: MEDIA_TYPES[format.container] ?? 'audio/mp4', durationSeconds }
}

/** What the price is held by must not be taken from a header that lies: sound that is packed cannot be larger than what it unpacks to. */
function bytesPerSecondMax({ lossless, sampleRate = 48_000, numberOfChannels = 2, bitsPerSample = 16 }: IFormat): number {
  return lossless ? sampleRate * numberOfChannels * (bitsPerSample / 8) * 1.1 : LOSSY_BYTES_PER_SECOND_MAX
}
