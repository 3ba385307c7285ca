import { createHmac, timingSafeEqual } from 'node:crypto'

/** The fields of a form. A field that was sent more than once has all its values. */
export type SignedForm = Readonly<Record<string, string | readonly string[]>>

/** What tells a request of Twilio's from anybody's. The SDK's `validateRequest` is one. */
export type ValidateSignature = (authToken: string, signature: string, url: string, form: SignedForm) => boolean

/**
 * Checks a signature as the SDK does, for where the SDK is not installed: base64 of HMAC-SHA1, by the account's token, over the URL as it was
 * called and the form's fields in the order of their names. Proxies add and drop the standard port, so either way will do.
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

/** The parts of a URL, as they were written: a URL object would encode some characters anew, and they were signed as they are. */
const PARTS = /^([a-z][a-z0-9+.-]*):\/\/((?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*))(:\d*)?(.*)$/is

function withoutPort(url: string): string {
  return url.replace(PARTS, '$1://$2$4')
}

function withPort(url: string): string {
  return url.replace(PARTS, (whole, scheme: string, host: string, port: string | undefined, rest: string) =>
    port === undefined ? `${scheme}://${host}:${scheme.toLowerCase() === 'https' ? 443 : 80}${rest}` : whole,
  )
}
