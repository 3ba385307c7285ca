import type { Audio } from '@farebox/core'
import type { IFormat } from 'music-metadata'
import { InvalidAudioError } from './errors.ts'
import { fragmentsSeconds } from './fragments-seconds.ts'
import { waveLength } from './wave-length.ts'

/** A recording with its media type and duration. */
export interface ReadAudio extends Audio {
  durationSeconds: number
}

/** Media types by music-metadata's names of containers. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  WAVE: 'audio/wav',
  MPEG: 'audio/mpeg',
  FLAC: 'audio/flac',
  Ogg: 'audio/ogg',
  'EBML/webm': 'audio/webm',
  'EBML/matroska': 'audio/webm',
}

/** Speech at 6 kbit/s, the lowest bit rate in use. It bounds the duration of audio that states none. */
const BYTES_PER_SECOND_MIN = 750
/** 512 kbit/s: above every lossy format in use. */
const LOSSY_BYTES_PER_SECOND_MAX = 64_000
/** Allowance for cover images and other tags, which may make up most of a short file. */
const TAG_BYTES = 512 * 1024

/**
 * Reads the type and the duration of a recording from its own header, rather than trust its sender.
 *
 * @throws {InvalidAudioError} the recording is empty, of an unknown kind, or too large for the duration that it states
 */
export async function readAudio(data: Uint8Array): Promise<ReadAudio> {
  if (!ArrayBuffer.isView(data))
    throw new InvalidAudioError('audio must be the bytes of a recording: a Uint8Array, such as readFile() gives')
  if (data.byteLength === 0) throw new InvalidAudioError('the audio is empty')
  // Loaded with the first recording, because applications that only chat do not need it.
  const { parseBlob } = await import('music-metadata')
  const readable = asRiff(beforeEndless(afterTags(data)))
  const { format } = await parseBlob(readInTurns(readable), { duration: true, skipCovers: true }).catch((error: unknown) => {
    throw new InvalidAudioError('the upload is not audio of a known kind (wav, mp3, ogg, flac, m4a, webm)', { cause: error })
  })
  if (!format.container || format.hasAudio === false) {
    throw new InvalidAudioError('the upload is not audio of a known kind (wav, mp3, ogg, flac, m4a, webm)')
  }
  const isWave = format.container === 'WAVE'
  const wave = isWave ? waveLength(bufferOf(afterTags(data))) : undefined
  // A WAV file states its number of samples. If it states no duration, it has no audio.
  const longest = isWave ? 0 : data.byteLength / BYTES_PER_SECOND_MIN
  const durationSeconds = Math.max(
    wave?.durationSeconds ?? format.duration ?? longest,
    isMpeg4(data) ? secondsOfFragments(data) : 0,
  )
  if (!(durationSeconds > 0 && Number.isFinite(durationSeconds))) throw new InvalidAudioError('the audio contains no sound')
  const bytesPerSecond = (data.byteLength - TAG_BYTES) / durationSeconds
  if (bytesPerSecond > (wave ? wave.bytesPerSecond * 1.1 : bytesPerSecondMax(format))) {
    throw new InvalidAudioError(`the audio claims to last ${durationSeconds.toFixed(1)} seconds, which is too short for its size`)
  }
  return { data, mediaType: MEDIA_TYPES[format.container] ?? 'audio/mp4', durationSeconds }
}

/** The highest plausible byte rate. It exposes a header with a false duration, on which the hold would depend. */
function bytesPerSecondMax({ lossless, sampleRate = 48_000, numberOfChannels = 2, bitsPerSample = 16 }: IFormat): number {
  return lossless ? sampleRate * numberOfChannels * (bitsPerSample / 8) * 1.1 : LOSSY_BYTES_PER_SECOND_MAX
}

/** The number of reads before other work gets a turn: some milliseconds. */
const TURN_READS = 500
/** The shortest frames in use need one read per seven bytes. A forged file may cause a read per byte. */
const BYTES_PER_READ_MIN = 4
/** Fragments of a single frame each: one read per 14 bytes. Forged boxes are eight bytes long, and are read twice. */
const BOXED_BYTES_PER_READ_MIN = 12
/** Some recorders write a page for each frame. One of silence takes three reads of 31 bytes, and no page is shorter than 28. */
const PAGED_BYTES_PER_READ_MIN = 9
/** A few chunks, of which one has all the sound. */
const CHUNKED_BYTES_PER_READ_MIN = 64
/** Padding of zeros reads as chunks of eight bytes. It may be as long as tags. */
const PADDING_READS = TAG_BYTES / 8
/** Reads that any recording may take, so that short ones can have tags. */
const READS_FREE = 20_000

/**
 * A `Blob` whose reads yield to other work from time to time, and fail if there are more of them than audio needs. A forged file
 * of many megabytes could otherwise keep the process busy for minutes.
 */
function readInTurns(data: Uint8Array): Blob {
  const most = readsMax(data)
  let reads = 0
  const read = async (start: number, end: number) => {
    reads += 1
    if (reads > most) throw new Error('the recording was read more times than audio needs')
    if (reads % TURN_READS === 0) await new Promise((resolve) => setTimeout(resolve))
    // Copied through a new `Uint8Array`, because `slice` of a `Buffer` does not copy.
    return new Uint8Array(data.subarray(start, end)).buffer
  }
  const slice = (start = 0, end = data.byteLength) => ({ arrayBuffer: () => read(start, end) })
  // The reader uses only these properties.
  return { size: data.byteLength, type: '', slice } as unknown as Blob
}

/** The most reads that audio needs, by the mark that a container begins with. What has none is a sequence of frames, or no audio. */
function readsMax(data: Uint8Array): number {
  const mark = Buffer.from(data.subarray(0, 8)).toString('latin1')
  if (/^(RIFF|FORM|fLaC)/.test(mark)) return READS_FREE + PADDING_READS + data.byteLength / CHUNKED_BYTES_PER_READ_MIN
  if (mark.startsWith('OggS')) return READS_FREE + data.byteLength / PAGED_BYTES_PER_READ_MIN
  const isBoxed = /^(.E\xdf\xa3|....ftyp)/s.test(mark)
  return READS_FREE + data.byteLength / (isBoxed ? BOXED_BYTES_PER_READ_MIN : BYTES_PER_READ_MIN)
}

function isMpeg4(data: Uint8Array): boolean {
  return Buffer.from(data.subarray(4, 8)).toString('latin1') === 'ftyp'
}

function secondsOfFragments(data: Uint8Array): number {
  try {
    return fragmentsSeconds(bufferOf(data))
  } catch (cause) {
    throw new InvalidAudioError('the fragments of the audio cannot be read', { cause })
  }
}

/** The same bytes, without a copy. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** A cluster of WebM whose length is not known yet, in one byte or in eight. */
const ENDLESS_CLUSTERS = ['1f43b675ff', '1f43b67501ffffffffffffff'].map((hex) => Buffer.from(hex, 'hex'))

/**
 * Leaves out the sound of WebM from the first cluster on that does not tell its length, which the reader refuses. Browsers write such
 * clusters where they pass on a recording as it is made. All that is to be read is before them.
 */
function beforeEndless(data: Uint8Array): Uint8Array {
  if (!/^.E\xdf\xa3/s.test(Buffer.from(data.subarray(0, 4)).toString('latin1'))) return data
  const bytes = bufferOf(data)
  const ends = ENDLESS_CLUSTERS.map((mark) => bytes.indexOf(mark)).filter((at) => at !== -1)
  return ends.length === 0 ? data : data.subarray(0, Math.min(...ends))
}

/**
 * Marks WAV of any length as WAV, which differs in a chunk of long lengths. The reader takes it for something else, of unknown duration.
 *
 * @source EBU Tech 3306 and ITU-R BS.2088
 */
function asRiff(data: Uint8Array): Uint8Array {
  if (!/^(RF64|BW64)....WAVE/s.test(Buffer.from(data.subarray(0, 12)).toString('latin1'))) return data
  return Buffer.concat([Buffer.from('RIFF'), data.subarray(4)])
}

/** Skips the ID3 tags before a recording. They do not affect its duration, and a tag of megabytes would be read in one turn. */
function afterTags(data: Uint8Array): Uint8Array {
  let start = 0
  while (data[start] === 0x49 && data[start + 1] === 0x44 && data[start + 2] === 0x33) {
    const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((data[start + at] ?? 0) & 0x7f), 0)
    start += 10 + size + ((data[start + 5] ?? 0) & 0x10 ? 10 : 0)
  }
  return data.subarray(start)
}
