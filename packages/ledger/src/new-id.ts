import { v5 as uuidv5 } from 'uuid'
import { newUuid } from './new-uuid.ts'
import type { Verb } from './operations.ts'

/** The namespace of ids derived from idempotency keys. Any fixed UUID would do. */
const ID_NAMESPACE = '8f8c9d0e-3c7b-5a52-9b0f-6d1c7a1e4b2a'

/** A new id. The same idempotency key gives the same id again, so that a repeated call has the same content. */
export function newId(verb: Verb, accountId: string, idempotencyKey: string | undefined): string {
  return idempotencyKey === undefined ? newUuid() : uuidv5(`${verb}\0${accountId}\0${idempotencyKey}`, ID_NAMESPACE)
}

/** The id of the workflow that {@link Ledger.openWorkflow} opens under an idempotency key, if the caller gives it none. */
export function workflowIdOf(accountId: string, idempotencyKey: string): string {
  return newId('openWorkflow', accountId, idempotencyKey)
}

/** The id of the usage record of a charge that was given an idempotency key and no `usageId`. */
export function chargeIdOf(accountId: string, idempotencyKey: string): string {
  return newId('charge', accountId, idempotencyKey)
}

/** The id of a document that was saved under an idempotency key, if the caller gave it none. */
export function documentIdOf(accountId: string, idempotencyKey: string): string {
  return newId('saveDocument', accountId, idempotencyKey)
}
