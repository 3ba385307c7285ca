import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

const ID_BYTES = 16

/** Random bytes for many ids. Drawing those of each id separately costs four times as much as the rest of making it. */
const random = new Uint8Array(256 * ID_BYTES)
let drawn = random.length

/** The time and sequence number of the newest id. `uuid` keeps no such state itself if it is given random bytes. */
let msecs = 0
let seq = 0

/**
 * A new UUIDv7. It is unique, and greater than all that this process made before, even within a millisecond and after the clock
 * was set back. So a list sorted by time and id is in the order of creation.
 */
export function newUuid(): string {
  if (drawn === random.length) {
    randomFillSync(random)
    drawn = 0
  }
  const bytes = random.subarray(drawn, drawn + ID_BYTES)
  drawn += ID_BYTES
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // Only 31 of its 32 bits, to leave room for counting up.
    seq = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) >>> 1
  } else seq += 1
  return uuidv7({ random: bytes, msecs, seq })
}
