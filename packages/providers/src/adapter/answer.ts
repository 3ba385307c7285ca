import { ProviderError, type Usage } from '@farebox/core'

/** `value` if it is an object, otherwise `undefined`. Answers are read leniently, because any server may speak the protocol. */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

/** `value` if it is a whole number of zero or more, otherwise `undefined`. */
export function asCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** `value` if it is a string, otherwise `undefined`. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** `value` if it can be the id of a request. A server may echo what it was sent, and ids are stored and logged: no key may pass. */
export function asRequestId(value: unknown): string | undefined {
  const text = asText(value)
  return text !== undefined && /^[\w.:/+=-]{1,200}$/.test(text) && !/^(sk|fbx)[-_]/.test(text) ? text : undefined
}

/** The error for an answer that lacks a required part, which `what` names. Its usage is billed all the same. */
export function malformed(provider: string, what: string, requestId: string | undefined, usage?: Usage): ProviderError {
  return new ProviderError(`${provider} answered without ${what}`, { provider, kind: 'malformed', requestId, usage })
}
