import { ProviderError } from '@farebox/core'

/** `value` as an object to read from, or `undefined`: answers are read leniently, as any server may speak this protocol. */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

/** `value` as a count of whole things, or `undefined`. */
export function asCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** `value` as a text, or `undefined`. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The answer lacks what no answer may lack; `what` names it. */
export function malformed(provider: string, what: string, requestId: string | undefined): ProviderError {
  return new ProviderError(`${provider} answered without ${what}`, { provider, kind: 'malformed', requestId })
}
