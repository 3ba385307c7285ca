import { malformed } from './answer.ts'

/**
 * Makes sure that a body is sound. A server, or a proxy in front of it, may fail with a status of success and a body of words, which nobody
 * should hear, nor pay for as a speech.
 *
 * @throws {ProviderError} `malformed`: the body is JSON or a page
 */
export function expectSound(provider: string, headers: Pick<Headers, 'get'> | undefined, requestId: string | undefined): void {
  const type = headers?.get('content-type')?.trim().toLowerCase() ?? ''
  if (/^(application\/([a-z.-]+\+)?json|text\/(html|plain))\b/.test(type)) throw malformed(provider, 'sound', requestId)
}
