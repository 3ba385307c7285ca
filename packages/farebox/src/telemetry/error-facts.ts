import { isFareboxError, type ProviderError } from '@farebox/core'

/** What a code may look like. Whatever else a provider calls one may be words. */
const CODE = /^[\w.-]{1,64}$/

/** What can be told of an error without its message, which may hold a prompt, a provider's words or the address of a database. */
export function errorFacts(error: unknown): Record<string, unknown> {
  if (isProviderError(error)) {
    const { code, kind, provider, status, requestId, providerCode = '' } = error
    const provider_code = CODE.test(providerCode) ? providerCode : undefined
    return { code, kind, provider, status, provider_code, request_id: requestId }
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
