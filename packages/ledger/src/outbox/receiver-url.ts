import { InvalidOptionError } from '@farebox/core'
import { DeliveryRefusedError } from './outbox.ts'

/** @throws {InvalidOptionError} it begins neither with `https://` nor with `http://` and this machine, or has a password in it */
export function checkReceiverUrl(url: string, what: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined
  const isLocal = address?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname)
  // `fetch` refuses such an address each time, and quotes it with the password.
  if (address?.username || address?.password) {
    throw new InvalidOptionError(
      `url of ${what} must have no name and password in it: a receiver tells us by the signature or a header`,
    )
  }
  if (address && (address.protocol === 'https:' || isLocal)) return address
  throw new InvalidOptionError(`url of ${what} must begin with https://, or with http:// on this machine`)
}

/**
 * Reads a receiver's answer: 200 to 299 is a receipt.
 *
 * @throws {DeliveryRefusedError} 410: nobody will ever take it
 */
export async function checkReceipt(response: Response, address: URL): Promise<void> {
  // The status is the receipt. That the connection breaks after it takes nothing back, or the event would be told twice.
  await response.body?.cancel().catch(() => undefined)
  if (response.ok) return
  if (response.status === 410) throw new DeliveryRefusedError(`${address.origin} answered 410: it takes no more events`)
  throw new Error(`${address.origin} answered ${response.status}`)
}
