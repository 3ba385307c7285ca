import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

const ID_BYTES = 16

/** Random bytes for many ids: to ask for those of one at a time costs four times as much as the rest of it. */
const random = new Uint8Array(256 * ID_BYTES)
let drawn = random.length

/** A new UUIDv7: unlike any other, and in the order in which they are made, to the millisecond. */
export function newUuid(): string {
  if (drawn === random.length) {
    randomFillSync(random)
    drawn = 0
  }
  drawn += ID_BYTES
  return uuidv7({ random: random.subarray(drawn - ID_BYTES, drawn) })
}
