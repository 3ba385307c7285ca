import { createHmac, timingSafeEqual } from 'node:crypto'

/** The fields of a form. A repeated field has all its values. */
export type SignedForm = Readonly<Record<string, string | readonly string[]>>

/** Checks Twilio's signature of a request, like the SDK's `validateRequest`. */
export type ValidateSignature = (authToken: string, signature: string, url: string, form: SignedForm) => boolean

/**
 * Checks a signature as the SDK does, for when the SDK is not installed. The signature is the base64 of an HMAC-SHA1, with the
 * account's token as the key, over the URL as called and the form's fields sorted by name. It may cover the URL with or without
 * the standard port, because proxies add and drop it.
 *
 * @source https://www.twilio.com/docs/usage/security#validating-requests
 */
export const validateSignature: ValidateSignature = (authToken, signature, url, form) => {
  const given = Buffer.from(signature)
  return [withoutPort(url), withPort(url)].some((candidate) => {
    const expected = Buffer.from(signatureOf(authToken, candidate, form))
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

function signatureOf(authToken: string, url: string, form: SignedForm): string {
  const signed = Object.keys(form)
    .sort()
    .flatMap((name) => [...new Set([form[name] ?? ''].flat())].sort().map((value) => name + value))
  return createHmac('sha1', authToken)
    .update(url + signed.join(''))
    .digest('base64')
}

/** The parts of a URL, verbatim. A `URL` object would re-encode some characters, and the signature covers them as written. */
const PARTS = /^([a-z][a-z0-9+.-]*):\/\/((?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*))(:\d*)?(.*)$/is

function withoutPort(url: string): string {
  return url.replace(PARTS, '$1://$2$4')
}

function withPort(url: string): string {
  return url.replace(PARTS, (whole, scheme: string, host: string, port: string | undefined, rest: string) =>
    port === undefined ? `${scheme}://${host}:${scheme.toLowerCase() === 'https' ? 443 : 80}${rest}` : whole,
  )
}
