import { type FareboxError, isFareboxError } from '@farebox/core'
import { IdempotencyConflictError, InvalidInputError } from '@farebox/ledger'
import { InvalidBodyError } from './http-errors.ts'
import type { Route } from './route.ts'

/** A conflict, and a field that the ledger did not take, are named as the caller sent them. */
export function inWireNames(error: unknown, { wireNames = {} }: Route, idempotencyKey: string | undefined): unknown {
  if (isConflict(error)) {
    // Under the same key at another route everything differs, and only that matters.
    const isOtherRoute = error.differs.includes('verb')
    const names = isOtherRoute
      ? ['path']
      : error.differs.map((field) => wireNames[field] ?? wireName(field)).filter((name) => name !== '')
    return new IdempotencyConflictError(idempotencyKey ?? error.idempotencyKey, [
      ...new Set(names.length > 0 ? names : ['request']),
    ])
  }
  if (error instanceof InvalidInputError) {
    // Too large a price is that of too large a quantity.
    const field = error.field === 'usage.rated' ? 'usage.quantity' : error.field
    return new InvalidBodyError([
      { field: wireNames[field] || wireName(field), problem: error.message.slice(error.field.length + 1) },
    ])
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
