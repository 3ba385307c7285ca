/** Of the flags of a fragment's header, those of the fields before its default duration, and that of the duration. */
const [BASE_OFFSET, DESCRIPTION, DEFAULT_DURATION] = [0x1, 0x2, 0x8]
/** Of the flags of a run, those of the fields before its samples, and those of the fields of each sample. */
const [DATA_OFFSET, FIRST_FLAGS, DURATION, OTHER_FIELDS] = [0x1, 0x4, 0x100, [0x200, 0x400, 0x800]]

interface Track {
  timeScale: number
  defaultDuration: number
}

/** What the fragments of a track come to, in its units. */
interface Span {
  sum: number
  begin: number
  end: number
}

/**
 * The duration of a fragmented MPEG-4 recording, by its fragments. 0 for one without. Browsers write such files while they record,
 * and what their header says of the duration is that of a part, or in other units.
 *
 * @throws {RangeError} a box is shorter than its fields
 */
export function fragmentsSeconds(data: Buffer): number {
  const tracks = new Map<number, Track>()
  const spans = new Map<number, Span>()
  for (const [type, content] of boxesOf(data)) {
    if (type === 'moov') for (const [id, track] of tracksOf(content)) tracks.set(id, track)
    if (type !== 'moof') continue
    for (const [part, fragment] of boxesOf(content)) {
      if (part !== 'traf') continue
      const { id, at, duration } = unitsOf(fragment, tracks)
      const { sum, begin, end } = spans.get(id) ?? { sum: 0, begin: at, end: at }
      spans.set(id, { sum: sum + duration, begin: Math.min(begin, at), end: Math.max(end, at + duration) })
    }
  }
  const seconds = [...spans].map(
    ([id, { sum, begin, end }]) => Math.max(sum, end - begin) / (tracks.get(id)?.timeScale || Number.POSITIVE_INFINITY),
  )
  return Math.max(0, ...seconds)
}

function tracksOf(movie: Buffer): Map<number, Track> {
  const tracks = new Map<number, Track>()
  const defaults = new Map<number, number>()
  for (const [type, content] of boxesOf(movie)) {
    if (type === 'mvex') {
      for (const [kind, defaultsOfTrack] of boxesOf(content)) {
        if (kind === 'trex') defaults.set(defaultsOfTrack.readUInt32BE(4), defaultsOfTrack.readUInt32BE(12))
      }
    }
    const header = type === 'trak' && boxIn(content, 'tkhd')
    const media = type === 'trak' && boxIn(content, 'mdia')
    const timing = media && boxIn(media, 'mdhd')
    if (!header || !timing) continue
    tracks.set(header.readUInt32BE(afterTimes(header)), {
      timeScale: timing.readUInt32BE(afterTimes(timing)),
      defaultDuration: 0,
    })
  }
  for (const [id, duration] of defaults) {
    const track = tracks.get(id)
    if (track) track.defaultDuration = duration
  }
  return tracks
}

/** Where the field begins that comes after the times of creation and modification. */
function afterTimes(header: Buffer): number {
  return header[0] === 1 ? 20 : 12
}

/** The track of a fragment, and in that track's units its beginning, 0 where it does not tell it, and its duration. */
function unitsOf(fragment: Buffer, tracks: ReadonlyMap<number, Track>): { id: number; at: number; duration: number } {
  const header = boxIn(fragment, 'tfhd')
  if (!header) return { id: 0, at: 0, duration: 0 }
  const id = header.readUInt32BE(4)
  const flags = header.readUInt32BE(0)
  const before = 8 + (flags & BASE_OFFSET ? 8 : 0) + (flags & DESCRIPTION ? 4 : 0)
  const each = flags & DEFAULT_DURATION ? header.readUInt32BE(before) : (tracks.get(id)?.defaultDuration ?? 0)
  const time = boxIn(fragment, 'tfdt')
  const at = time ? (time[0] === 1 ? Number(time.readBigUInt64BE(4)) : time.readUInt32BE(4)) : 0
  let duration = 0
  for (const [type, run] of boxesOf(fragment)) if (type === 'trun') duration += unitsOfRun(run, each)
  return { id, at, duration }
}

function unitsOfRun(run: Buffer, each: number): number {
  const flags = run.readUInt32BE(0)
  const count = run.readUInt32BE(4)
  if (!(flags & DURATION)) return count * each
  const start = 8 + (flags & DATA_OFFSET ? 4 : 0) + (flags & FIRST_FLAGS ? 4 : 0)
  const size = 4 + 4 * OTHER_FIELDS.filter((flag) => flags & flag).length
  let sum = 0
  for (let sample = 0; sample < count; sample++) sum += run.readUInt32BE(start + sample * size)
  return sum
}

function boxIn(data: Buffer, name: string): Buffer | undefined {
  for (const [type, content] of boxesOf(data)) if (type === name) return content
  return undefined
}

function* boxesOf(data: Buffer): Generator<[type: string, content: Buffer], void, undefined> {
  for (let at = 0; at + 8 <= data.length; ) {
    const stated = data.readUInt32BE(at)
    const isLong = stated === 1
    const size = isLong ? Number(data.readBigUInt64BE(at + 8)) : stated || data.length - at
    const begin = at + (isLong ? 16 : 8)
    const end = Math.min(at + size, data.length)
    if (end < begin) return
    yield [data.toString('latin1', at + 4, at + 8), data.subarray(begin, end)]
    at = end
  }
}
