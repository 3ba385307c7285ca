import { InvalidOptionError } from '@farebox/core'
import { DeliveryRefusedError } from './outbox.ts'

/** @throws {InvalidOptionError} the URL is neither `https` nor `http` to this machine, or contains a user name or password */
export function checkReceiverUrl(url: string, what: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined
  const isLocal = address?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname)
  // `fetch` would reject such a URL each time, with the password in its message.
  if (address?.username || address?.password) {
    throw new InvalidOptionError(
      `url of ${what} must not contain a user name or password: a receiver can check the signature or a header`,
    )
  }
  if (address && (address.protocol === 'https:' || isLocal)) return address
  throw new InvalidOptionError(`url of ${what} must begin with https://, or with http:// on this machine`)
}

/**
 * Checks a receiver's response: 200 to 299 acknowledges the delivery.
 *
 * @throws {DeliveryRefusedError} 410: the receiver will never accept it
 */
export async function checkReceipt(response: Response, address: URL): Promise<void> {
  // The status alone acknowledges. If the connection breaks after it, a retry would deliver the event twice.
  await response.body?.cancel().catch(() => undefined)
  if (response.ok) return
  if (response.status === 410) throw new DeliveryRefusedError(`${address.origin} answered 410: it takes no more events`)
  throw new Error(`${address.origin} answered ${response.status}`)
}
