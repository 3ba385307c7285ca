import { describe, expect, it } from 'vitest'
import { readAudio } from './read-audio.ts'

const text = (value: string) => Buffer.from(value, 'latin1')
const zeros = (length: number) => Buffer.alloc(length)
const uint = (value: number, bytes: number) => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

/** What the header of a WAV says of its samples, and of how many there are. */
interface WavHeader {
  /** The tag of the format. 1 is PCM, 3 are floats, 7 is µ-law. */
  tag?: number
  bits?: number
  rate?: number
  blockBytes?: number
  dataBytes?: number
  /** The number of samples in a chunk of its own, as files other than PCM have. */
  fact?: number
}

/** One channel of 16 bits at 8 kHz. */
function wav(seconds: number, given: WavHeader = {}): Buffer {
  const { tag = 1, bits = 16, rate = 8_000, blockBytes = bits / 8, dataBytes, fact } = given
  const data = zeros((seconds * rate * bits) / 8)
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + data.length, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(tag, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE((rate * bits) / 8, 28)
  header.writeUInt16LE(blockBytes, 32)
  header.writeUInt16LE(bits, 34)
  header.write('data', 36)
  header.writeUInt32LE(dataBytes ?? data.length, 40)
  if (fact === undefined) return Buffer.concat([header, data])
  const samples = Buffer.alloc(12)
  samples.write('fact', 0)
  samples.writeUInt32LE(4, 4)
  samples.writeUInt32LE(fact, 8)
  header.writeUInt32LE(36 + samples.length + data.length, 4)
  return Buffer.concat([header.subarray(0, 36), samples, header.subarray(36), data])
}

/** The same with a chunk after its sound. */
function withChunk(recording: Buffer, chunk: Buffer): Buffer {
  const data = Buffer.concat([recording, chunk])
  data.writeUInt32LE(data.length - 8, 4)
  return data
}

/** The same with another format before its sound. */
function withFormat(recording: Buffer, other: Buffer): Buffer {
  const data = Buffer.concat([recording.subarray(0, 36), other.subarray(12, 36), recording.subarray(36)])
  data.writeUInt32LE(data.length - 8, 4)
  return data
}

/** The same whose header tells the length of nothing. */
function withoutLength(recording: Buffer): Buffer {
  recording.writeUInt32LE(0, 4)
  return recording
}

function withoutBits(recording: Buffer): Buffer {
  recording.writeUInt16LE(0, 34)
  return recording
}

/** Frames of 128 kbit/s at 44.1 kHz, each of 1,152 samples in 417 bytes. */
function mp3(frames: number): Buffer {
  const frame = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x64]), zeros(413)])
  return Buffer.concat(Array.from({ length: frames }, () => frame))
}

/** A tag of frames whose length is in seven bits of each byte. */
const id3 = (length: number) =>
  Buffer.concat([text('ID3\x03\0\0'), Buffer.from([0, 0, length >> 7, length & 127]), zeros(length)])

/** The description of a stream at 16 kHz, and as many bytes of sound as it may well have. */
function flac(seconds: number): Buffer {
  const rate = (16_000n << 44n) | (0n << 41n) | (15n << 36n) | BigInt(seconds * 16_000)
  const packed = Buffer.alloc(8)
  packed.writeBigUInt64BE(rate)
  const streamInfo = Buffer.concat([uint(4_096, 2), uint(4_096, 2), zeros(6), packed, zeros(16)])
  return Buffer.concat([text('fLaC'), Buffer.from([0x80]), uint(streamInfo.length, 3), streamInfo, zeros(seconds * 8_000)])
}

/** Opus counts 48,000 samples a second, whatever it was made of; the last page says how many there are. */
function oggOpus(seconds: number, silences = 0): Buffer {
  const head = Buffer.concat([text('OpusHead'), Buffer.from([1, 1, 0, 0, 0x80, 0x3e, 0, 0, 0, 0, 0])])
  const tags = Buffer.concat([text('OpusTags'), zeros(8)])
  const page = (flags: number, sequence: number, samples: number, packet: Buffer) => {
    const granule = Buffer.alloc(8)
    granule.writeBigUInt64LE(BigInt(samples))
    const number = Buffer.alloc(4)
    number.writeUInt32LE(sequence)
    const lacing = [...Array.from({ length: Math.floor(packet.length / 255) }, () => 255), packet.length % 255]
    return Buffer.concat([
      text('OggS'),
      Buffer.from([0, flags]),
      granule,
      zeros(4),
      number,
      zeros(4),
      Buffer.from([lacing.length, ...lacing]),
      packet,
    ])
  }
  const silence = (_: unknown, index: number) => page(0, index + 2, 960 * index, zeros(3))
  const pages = [page(2, 0, 0, head), page(0, 1, 0, tags), ...Array.from({ length: silences }, silence)]
  return Buffer.concat([...pages, page(4, silences + 2, seconds * 48_000, zeros(2_000))])
}

function box(name: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([uint(body.length + 8, 4), text(name), body])
}

/** Sound of AAC in a file of MPEG-4. */
function m4a(seconds: number, ...fragments: Buffer[]): Buffer {
  const timed = (rate: number) => Buffer.concat([zeros(12), uint(rate, 4), uint(seconds * rate, 4)])
  const movieHeader = box('mvhd', timed(1_000), zeros(80))
  const sample = box('mp4a', zeros(6), uint(1, 2), zeros(8), uint(1, 2), uint(16, 2), zeros(4), uint(16_000, 2), zeros(2))
  const table = box(
    'stbl',
    box('stsd', zeros(4), uint(1, 4), sample),
    box('stts', zeros(4), uint(0, 4)),
    box('stsc', zeros(4), uint(0, 4)),
    box('stsz', zeros(4), uint(0, 4), uint(0, 4)),
    box('stco', zeros(4), uint(0, 4)),
  )
  const handler = box('hdlr', zeros(8), text('soun'), zeros(13))
  const media = box('mdia', box('mdhd', timed(16_000), zeros(4)), handler, box('minf', table))
  const track = box('trak', box('tkhd', zeros(12), uint(1, 4), zeros(68)), media)
  return Buffer.concat([
    box('ftyp', text('M4A '), zeros(4), text('M4A ')),
    box('moov', movieHeader, track, box('mvex', box('trex', zeros(4), uint(1, 4), uint(1, 4), uint(320, 4), zeros(8)))),
    box('mdat', zeros(seconds * 4_000)),
    ...fragments,
  ])
}

/**
 * Fragments of a second each: fifty frames at 16 kHz, with the length of each, one for all of them, or that of the track. Or of the
 * first of them alone, and with the time at which each fragment begins.
 */
function fragments(seconds: number, lengths: 'each' | 'default' | 'track' | 'times' = 'each'): Buffer[] {
  const header = lengths === 'default' ? [uint(0x020018, 4), uint(1, 4), uint(320, 4)] : [uint(0x020010, 4), uint(1, 4)]
  const count = lengths === 'times' ? 25 : 50
  const frames = Array.from({ length: count }, () => uint(320, 4))
  const isListed = lengths === 'each' || lengths === 'times'
  const run = [uint(isListed ? 0x101 : 0x1, 4), uint(count, 4), zeros(4), ...(isListed ? frames : [])]
  return Array.from({ length: seconds }, (_, second) => {
    const time = lengths === 'times' ? [box('tfdt', uint(1, 1), zeros(7), uint(100_000 + second * 16_000, 4))] : []
    const fragment = box('traf', box('tfhd', ...header, uint(80, 4)), ...time, box('trun', ...run))
    return Buffer.concat([box('moof', box('mfhd', zeros(8)), fragment), box('mdat', zeros(4_000))])
  })
}

/** What browsers record in; some of them do not say how long it takes. */
function webm(seconds: number | undefined, clusterLength?: Buffer): Buffer {
  const element = (id: number[], ...parts: Buffer[]) => {
    const body = Buffer.concat(parts)
    return Buffer.concat([Buffer.from(id), Buffer.from([0x08]), uint(body.length, 4), body])
  }
  const double = Buffer.alloc(8)
  double.writeDoubleBE((seconds ?? 0) * 1_000)
  const length = seconds === undefined ? [] : [element([0x44, 0x89], double)]
  const information = element([0x15, 0x49, 0xa9, 0x66], element([0x2a, 0xd7, 0xb1], uint(1_000_000, 4)), ...length)
  const rate = Buffer.alloc(8)
  rate.writeDoubleBE(48_000)
  const sound = element([0xe1], element([0xb5], rate), element([0x9f], uint(1, 1)))
  const entry = element([0xae], element([0xd7], uint(1, 1)), element([0x83], uint(2, 1)), element([0x86], text('A_OPUS')), sound)
  const header = element([0x1a, 0x45, 0xdf, 0xa3], element([0x42, 0x82], text('webm')))
  const cluster = [0x1f, 0x43, 0xb6, 0x75]
  const block = element([0xa3], zeros(6_000))
  const sounds = clusterLength ? Buffer.concat([Buffer.from(cluster), clusterLength, block]) : element(cluster, block)
  return Buffer.concat([header, element([0x18, 0x53, 0x80, 0x67], information, element([0x16, 0x54, 0xae, 0x6b], entry), sounds)])
}

describe('the length of a recording, by its own header', () => {
  it.each([
    ['wav', wav(3), 'audio/wav', 3],
    ['wav whose writer could not go back to its header', wav(3, { dataBytes: 0 }), 'audio/wav', 3],
    ['wav of µ-law whose writer could not either', wav(3, { tag: 7, bits: 8, dataBytes: 0xffffffff, fact: 0 }), 'audio/wav', 3],
    [
      'wav of floats that tells the number of its samples',
      wav(9, { tag: 3, bits: 32, rate: 48_000, fact: 432_000 }),
      'audio/wav',
      9,
    ],
    ['wav that tells too few samples', wav(80, { tag: 7, bits: 8, fact: 80_000 }), 'audio/wav', 80],
    ['wav that tells too long samples', wav(3, { blockBytes: 60_000 }), 'audio/wav', 3],
    ['wav that tells samples of no length', wav(3, { blockBytes: 0 }), 'audio/wav', 3],
    ['wav with sound that is not played', withChunk(wav(3), wav(0.001).subarray(36)), 'audio/wav', 3],
    // ffmpeg plays them all.
    ['wav with sound in two chunks', withChunk(wav(0.001), wav(3).subarray(36)), 'audio/wav', 3.001],
    ['wav of any length', Buffer.concat([text('RF64'), wav(3, { dataBytes: 0xffffffff }).subarray(4)]), 'audio/wav', 3],
    ['wav with a second format', withFormat(wav(3), wav(0, { bits: 32, rate: 192_000 })), 'audio/wav', 3],
    ['wav of 24 bits that tells no lengths', withoutLength(wav(9, { bits: 24, rate: 96_000, dataBytes: 0 })), 'audio/wav', 9],
    ['wav of µ-law that tells no bits', withoutBits(wav(80, { tag: 7, bits: 8, fact: 640_000 })), 'audio/wav', 80],
    ['mp3', mp3(100), 'audio/mpeg', (100 * 1_152) / 44_100],
    ['mp3 behind two tags', Buffer.concat([id3(300), id3(0), mp3(100)]), 'audio/mpeg', (100 * 1_152) / 44_100],
    ['flac', flac(4), 'audio/flac', 4],
    ['ogg with opus', oggOpus(5), 'audio/ogg', 5],
    ['m4a', m4a(6), 'audio/mp4', 6],
    ['webm', webm(7), 'audio/webm', 7],
    ['webm whose sound has no end yet', webm(7, Buffer.from([1, 255, 255, 255, 255, 255, 255, 255])), 'audio/webm', 7],
    ['webm whose sound has no end yet, in a byte', webm(7, Buffer.from([255])), 'audio/webm', 7],
    ['ogg with a page for each frame of silence', oggOpus(1_000, 50_000), 'audio/ogg', 1_000],
    ['m4a in fragments, whose header counts in other units', m4a(1, ...fragments(9)), 'audio/mp4', 9],
    ['m4a in fragments, of which none has lengths of its own', m4a(1, ...fragments(9, 'default')), 'audio/mp4', 9],
    ['m4a in fragments that tell when they begin', m4a(1, ...fragments(9, 'times')), 'audio/mp4', 8.5],
    ['m4a in fragments that rely on its header', m4a(1, ...fragments(9, 'track')), 'audio/mp4', 9],
  ])('%s', async (_, data, mediaType, seconds) => {
    const audio = await readAudio(new Uint8Array(data))
    expect(audio.mediaType).toBe(mediaType)
    expect(Math.abs(audio.durationSeconds - seconds)).toBeLessThan(0.05)
  })

  it('is the longest that it can be where the header does not say', async () => {
    const data = webm(undefined)
    const { durationSeconds } = await readAudio(new Uint8Array(data))
    expect(durationSeconds).toBe(data.length / 750)
  })

  it.each([
    ['marks of frames that are none', Buffer.concat([mp3(1), Buffer.alloc(200_000, 0xff)])],
    ['tracks without an end', Buffer.concat([webm(1), Buffer.alloc(200_000, Buffer.from([0xae, 0x83, 0xd7, 0x81, 0x01]))])],
  ])('lets others have their turn while it is looked for in %s', async (_, data) => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await readAudio(new Uint8Array(data)).catch(() => undefined)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(10)
  })

  const repeated = (part: Buffer, times: number) => Buffer.concat(Array.from({ length: times }, () => part))
  const fileType = Buffer.concat([uint(20, 4), text('ftypM4A '), zeros(4), text('M4A ')])

  /** A recording with so many bytes of padding in its container. */
  function padded(seconds: number, padding: number): Buffer {
    const data = Buffer.concat([wav(seconds), zeros(padding)])
    data.writeUInt32LE(data.length - 8, 4)
    return data
  }

  it('is found before as much padding as tags may have', async () => {
    expect((await readAudio(padded(1, 512 * 1024))).durationSeconds).toBe(1)
  })

  // Each took up to a minute at 25 MiB.
  it.each([
    ['frames', Buffer.concat([mp3(1), Buffer.alloc(200_000, 0xff)])],
    ['chunks', padded(1, 1_000_000)],
    ['boxes', Buffer.concat([fileType, repeated(Buffer.concat([uint(8, 4), text('free')]), 50_000)])],
    ['elements', Buffer.concat([webm(1), repeated(Buffer.concat([Buffer.from([0xec, 0x8c]), zeros(12)]), 30_000)])],
  ])('is not looked for everywhere in %s that nobody recorded', async (_, data) => {
    const reading = readAudio(new Uint8Array(data))
    await expect(reading).rejects.toMatchObject({
      code: 'INVALID_AUDIO',
      cause: { message: 'the recording was read more times than audio needs' },
    })
  })

  it.each([
    ['nothing', zeros(0), /is empty/],
    ['a text', text('this is no recording, whatever its sender says of it'), /not audio of a known kind/],
    ['a header alone', wav(0), /contains no sound/],
    ['a header that lies', Buffer.concat([flac(1), zeros(20_000_000)]), /too short for its size/],
  ])('is refused for %s', async (_, data, problem) => {
    const reading = readAudio(new Uint8Array(data))
    await expect(reading).rejects.toThrow(problem)
    await expect(reading).rejects.toMatchObject({ code: 'INVALID_AUDIO' })
  })
})
