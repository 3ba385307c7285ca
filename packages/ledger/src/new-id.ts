import { randomFillSync } from 'node:crypto'
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid'
import type { Verb } from './operations.ts'

/** Turns an idempotency key into ids: any fixed UUID would do. */
const ID_NAMESPACE = '8f8c9d0e-3c7b-5a52-9b0f-6d1c7a1e4b2a'
const ID_BYTES = 16

/** Random bytes for many ids: to ask for those of one at a time costs four times as much as the rest of it. */
const random = new Uint8Array(256 * ID_BYTES)
let drawn = random.length

/** A new id; the same one again for the same idempotency key, so that a repeated call asks for the same thing. */
export function newId(verb: Verb, accountId: string, idempotencyKey: string | undefined): string {
  if (idempotencyKey !== undefined) return uuidv5(`${verb}\0${accountId}\0${idempotencyKey}`, ID_NAMESPACE)
  if (drawn === random.length) {
    randomFillSync(random)
    drawn = 0
  }
  drawn += ID_BYTES
  return uuidv7({ random: random.subarray(drawn - ID_BYTES, drawn) })
}
