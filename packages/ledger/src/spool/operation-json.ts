import type { Operation } from '../operations.ts'

/** A change that reports consumption. The work is done, so it must be charged sooner or later. */
export type UsageOperation = Extract<Operation, { verb: 'settleHold' | 'charge' }>

/**
 * Encodes a change as the text of a file. JSON has no integers beyond 2^53, so amounts are written as `{"bigint": "…"}`. The
 * host's `details`, which may contain anything, are kept outside the operation as text.
 */
export function encodeOperation(operation: UsageOperation): string {
  const { details, ...usage } = operation.input.usage
  const plain = { ...operation, input: { ...operation.input, usage } }
  const file = { version: 1, operation: plain, details }
  return `${JSON.stringify(file, (_, value) => (typeof value === 'bigint' ? { bigint: value.toString() } : value), 2)}\n`
}

/** Decodes the change in a file. `undefined` if this version cannot send it. */
export function decodeOperation(text: string): UsageOperation | undefined {
  try {
    const { version, operation, details } = JSON.parse(text, revive)
    if (version !== 1 || typeof operation.idempotencyKey !== 'string' || typeof operation.accountId !== 'string') return undefined
    if (operation.verb !== 'settleHold' && operation.verb !== 'charge') return undefined
    if (typeof operation.input?.usage !== 'object' || operation.input.usage === null) return undefined
    if (details !== undefined) operation.input.usage.details = details
    return operation
  } catch {
    return undefined
  }
}

function revive(_: string, value: unknown): unknown {
  const isAmount = typeof value === 'object' && value !== null && 'bigint' in value && typeof value.bigint === 'string'
  return isAmount ? BigInt(value.bigint as string) : value
}
