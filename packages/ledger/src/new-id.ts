import { v5 as uuidv5 } from 'uuid'
import { newUuid } from './new-uuid.ts'
import type { Verb } from './operations.ts'

/** Turns an idempotency key into ids: any fixed UUID would do. */
const ID_NAMESPACE = '8f8c9d0e-3c7b-5a52-9b0f-6d1c7a1e4b2a'

/** A new id; the same one again for the same idempotency key, so that a repeated call asks for the same thing. */
export function newId(verb: Verb, accountId: string, idempotencyKey: string | undefined): string {
  return idempotencyKey === undefined ? newUuid() : uuidv5(`${verb}\0${accountId}\0${idempotencyKey}`, ID_NAMESPACE)
}
