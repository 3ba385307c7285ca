import { type FareboxError, isFareboxError } from '@farebox/core'
import { IdempotencyConflictError, InvalidInputError } from '@farebox/ledger'
import { InvalidBodyError } from './http-errors.ts'
import type { Route } from './route.ts'

/** Renames the fields of an idempotency conflict, or of input that the ledger refused, to what the caller sent. */
export function inWireNames(error: unknown, { wireNames = {} }: Route, idempotencyKey: string | undefined): unknown {
  if (isConflict(error)) {
    // The same key at another route differs in everything, and only the route matters.
    const isOtherRoute = error.differs.includes('verb')
    const names = isOtherRoute
      ? ['path']
      : error.differs.map((field) => wireNames[field] ?? wireName(field)).filter((name) => name !== '')
    return new IdempotencyConflictError(idempotencyKey ?? error.idempotencyKey, [
      ...new Set(names.length > 0 ? names : ['request']),
    ])
  }
  if (error instanceof InvalidInputError) {
    // A price that is too large comes from a quantity that is.
    const isPrice = error.field === 'usage.rated'
    const field = isPrice ? 'usage.quantity' : error.field
    const problem = isPrice ? 'must cost at most a billion credits' : error.message.slice(error.field.length + 1)
    return new InvalidBodyError([{ field: wireNames[field] || wireName(field), problem }])
  }
  return error
}

function isConflict(error: unknown): error is FareboxError & IdempotencyConflictError {
  return isFareboxError(error) && error.code === 'IDEMPOTENCY_CONFLICT'
}

function wireName(field: string): string {
  return field
    .replace(/^body\./, '')
    .replace(/\[(\d+)\]/g, '.$1')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
