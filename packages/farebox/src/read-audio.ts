import type { Audio } from '@farebox/core'
import { parseBuffer } from 'music-metadata'
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

/**
 * Finds out what a recording is and how long it takes, by its own header and not by what its sender says of it.
 *
 * @throws {InvalidAudioError} it is empty, or no sound that is known
 */
export async function readAudio(data: Uint8Array): Promise<ReadAudio> {
  if (data.byteLength === 0) throw new InvalidAudioError('the audio is empty')
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
  return { data, mediaType: MEDIA_TYPES[format.container] ?? 'audio/mp4', durationSeconds }
}
