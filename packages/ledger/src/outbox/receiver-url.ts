import { InvalidOptionError } from '@farebox/core'
import { DeliveryRefusedError } from './outbox.ts'

/** @throws {InvalidOptionError} it begins neither with `https://` nor with `http://` and this machine */
export function checkReceiverUrl(url: string, what: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined
  const isLocal = address?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname)
  if (address && (address.protocol === 'https:' || isLocal)) return address
  throw new InvalidOptionError(`url of ${what} must begin with https://, or with http:// on this machine`)
}

/**
 * Reads a receiver's answer: 200 to 299 is a receipt.
 *
 * @throws {DeliveryRefusedError} 410: nobody will ever take it
 */
export async function checkReceipt(response: Response, address: URL): Promise<void> {
  await response.body?.cancel()
  if (response.ok) return
  if (response.status === 410) throw new DeliveryRefusedError(`${address.origin} answered 410: it takes no more events`)
  throw new Error(`${address.origin} answered ${response.status}`)
}
