import { type Credits, formatCredits, InvalidOptionError } from '@farebox/core'
import { Webhook } from 'standardwebhooks'
import type { LedgerEvent } from '../reader.ts'
import { checkReceipt, checkReceiverUrl } from './receiver-url.ts'

/** Where events are posted, and what signs them. */
export interface WebhookOptions {
  /** Where events are posted: `https`, or `http` to this machine. */
  url: string
  /**
   * What signs them, known to the receiver: `whsec_` and at least 24 bytes in base64. While a secret is replaced, the new one and the old: each signs,
   * and a receiver that knows either takes the event.
   */
  secret: string | readonly string[]
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
}

/**
 * Delivers events by HTTP, signed as the Standard Webhooks specification says (https://www.standardwebhooks.com), so that a receiver
 * checks them with a library of its own language. The body is `{id, type, account_id, created_at, data}` in snake case; amounts are
 * decimal strings of credits, times ISO 8601.
 *
 * Any status of 200 to 299 is a receipt; 410 says that nobody will ever take it, so that it is given up; others are tried again.
 * Redirects are not followed.
 *
 * @throws {InvalidOptionError} the address or the secret cannot be used
 */
export function webhook({ url, secret, fetch }: WebhookOptions): (event: LedgerEvent, signal: AbortSignal) => Promise<void> {
  const address = checkReceiverUrl(url, 'a webhook')
  const signers = checkSecrets(secret)
  return async (event, signal) => {
    const body = JSON.stringify(bodyOf(event))
    const sentAt = new Date()
    const response = await (fetch ?? globalThis.fetch)(address, {
      method: 'POST',
      redirect: 'manual',
      signal,
      headers: {
        'content-type': 'application/json',
        'webhook-id': event.id,
        'webhook-timestamp': Math.floor(sentAt.getTime() / 1_000).toString(),
        'webhook-signature': signers.map((signer) => signer.sign(event.id, sentAt, body)).join(' '),
      },
      body,
    })
    await checkReceipt(response, address)
  }
}

function checkSecrets(secret: WebhookOptions['secret']): Webhook[] {
  const secrets = [secret].flat()
  if (secrets.length === 0) throw new InvalidOptionError('secret of a webhook must be one or more, received none')
  return secrets.map(checkSecret)
}

function checkSecret(secret: unknown): Webhook {
  const isLongEnough = (text: string) => Buffer.from(text.slice('whsec_'.length), 'base64').length >= 24
  try {
    if (typeof secret === 'string' && secret.startsWith('whsec_') && isLongEnough(secret)) return new Webhook(secret)
  } catch {
    // It is not the base64 that receivers read: that of addresses is another.
  }
  throw new InvalidOptionError('secret of a webhook must be whsec_ and at least 24 bytes in base64')
}

function bodyOf({ id, type, accountId, createdAt, data }: LedgerEvent): object {
  return { id, type, account_id: accountId, created_at: new Date(createdAt).toISOString(), data: onTheWire(data) }
}

function onTheWire(data: object): object {
  const fields = Object.entries(data).map(([name, value]) => {
    const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    if (typeof value === 'bigint') return [key, formatCredits(value as Credits)]
    return [key, name.endsWith('At') && typeof value === 'number' ? new Date(value).toISOString() : value]
  })
  return Object.fromEntries(fields)
}
