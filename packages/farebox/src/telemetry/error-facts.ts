import { isFareboxError, type ProviderError } from '@farebox/core'

/** The shape of a code. A provider's value of any other shape may be a message. */
const CODE = /^[\w.-]{1,64}$/

/** Describes an error without its message, which may contain a prompt, a provider's words or the address of a database. */
export function errorFacts(error: unknown): Record<string, unknown> {
  if (isProviderError(error)) {
    const { code, kind, provider, status, requestId, needs, providerCode = '' } = error
    const provider_code = CODE.test(providerCode) ? providerCode : undefined
    return { code, kind, provider, status, provider_code, request_id: requestId, needs }
  }
  if (isFareboxError(error)) {
    const { code, cause } = error
    return { code, ...(cause !== undefined && { cause: errorFacts(cause) }) }
  }
  if (!(error instanceof Error)) return { code: 'INTERNAL', type: typeof error }
  const { name, stack = '' } = error
  const { code = '' } = error as { code?: unknown }
  const at = stack.split('\n').filter((line) => /^ +at /.test(line))
  return { code: typeof code === 'string' && CODE.test(code) ? code : 'INTERNAL', type: name, at: at.map((line) => line.trim()) }
}

function isProviderError(error: unknown): error is ProviderError {
  return isFareboxError(error) && error.code === 'PROVIDER_ERROR'
}
