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
  const { parseBlob } = await import('music-metadata')
  const { format } = await parseBlob(readInTurns(afterTags(data)), { duration: true, skipCovers: true }).catch(
    (error: unknown) => {
      throw new InvalidAudioError('the upload is not audio of a known kind (wav, mp3, ogg, flac, m4a, webm)', { cause: error })
    },
  )
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

/** Reads of a recording before others get their turn: some milliseconds of work. */
const TURN_READS = 500
/** The shortest frames in use take a read for each eight bytes. What nobody recorded may be looked through byte by byte. */
const BYTES_PER_READ_MIN = 4
/** So that short ones may have their tags. */
const READS_FREE = 20_000

/**
 * A recording as its reader asks for it, piece by piece, and that lets others have their turn meanwhile: one of many megabytes may be made so
 * that it takes minutes. It fails where it is read more often than sound needs.
 */
function readInTurns(data: Uint8Array): Blob {
  const most = READS_FREE + data.byteLength / BYTES_PER_READ_MIN
  let reads = 0
  const read = async (start: number, end: number) => {
    reads += 1
    if (reads > most) throw new Error('the recording is read more often than sound needs')
    if (reads % TURN_READS === 0) await new Promise((resolve) => setTimeout(resolve))
    // Copied, whatever kind of bytes they are: a slice of a Buffer is none.
    return new Uint8Array(data.subarray(start, end)).buffer
  }
  const slice = (start = 0, end = data.byteLength) => ({ arrayBuffer: () => read(start, end) })
  // All that is used of one.
  return { size: data.byteLength, type: '', slice } as unknown as Blob
}

/** What follows the ID3 tags before a recording: they say nothing of its length, and one of megabytes is read in one turn. */
function afterTags(data: Uint8Array): Uint8Array {
  let start = 0
  while (data[start] === 0x49 && data[start + 1] === 0x44 && data[start + 2] === 0x33) {
    const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((data[start + at] ?? 0) & 0x7f), 0)
    start += 10 + size + ((data[start + 5] ?? 0) & 0x10 ? 10 : 0)
  }
  return data.subarray(start)
}
