import { malformed } from './answer.ts'

/**
 * Checks that a body is audio. A server, or a proxy in front of it, may report a failure as text under a status of success.
 * Nobody should hear that, or pay for it as a speech.
 *
 * @throws {ProviderError} `malformed`: the body is JSON, HTML or plain text
 */
export function expectSound(provider: string, headers: Pick<Headers, 'get'> | undefined, requestId: string | undefined): void {
  const type = headers?.get('content-type')?.trim().toLowerCase() ?? ''
  if (/^(application\/([a-z.-]+\+)?json|text\/(html|plain))\b/.test(type)) throw malformed(provider, 'sound', requestId)
}
