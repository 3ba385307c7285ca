import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

const ID_BYTES = 16

/** Random bytes for many ids: to ask for those of one at a time costs four times as much as the rest of it. */
const random = new Uint8Array(256 * ID_BYTES)
let drawn = random.length

/** The time and the sequence number of the newest id: given random bytes, `uuid` counts on from no other id. */
let msecs = 0
let seq = 0

/**
 * A new UUIDv7: unlike any other, and after all that this process made before it, also within a millisecond and when the clock was put
 * back. So what is listed by time and id is listed in the order in which it was made.
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
    // Not all of its 32 bits, so that there is room to count.
    seq = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) >>> 1
  } else seq += 1
  return uuidv7({ random: bytes, msecs, seq })
}
