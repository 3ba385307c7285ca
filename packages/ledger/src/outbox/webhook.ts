import { type Credits, checkOptionNames, checkOptionType, formatCredits, InvalidOptionError } from '@farebox/core'
import { Webhook } from 'standardwebhooks'
import type { LedgerEvent } from '../reader.ts'
import { checkReceipt, checkReceiverUrl } from './receiver-url.ts'

/** Where to post events, and how to sign them. */
export interface WebhookOptions {
  /** The receiver's address: `https`, or `http` to this machine. */
  url: string
  /**
   * The signing secret, shared with the receiver: `whsec_` and at least 24 bytes in base64. To rotate it, give the new and the
   * old one. Both sign each event, so a receiver that knows either accepts it.
   */
  secret: string | readonly string[]
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
}

const known: Record<keyof WebhookOptions, true> = { url: true, secret: true, fetch: true }

/**
 * Delivers events by HTTP, signed according to the Standard Webhooks specification (https://www.standardwebhooks.com), which has
 * libraries in many languages. The body is `{id, type, account_id, created_at, data}` in snake case. Amounts are decimal strings
 * of credits, times are ISO 8601.
 *
 * A status of 200 to 299 acknowledges the event. A 410 gives it up for good. Anything else is retried. Redirects are not
 * followed.
 *
 * @throws {InvalidOptionError} `url`, `secret` or `fetch` is invalid, or another option is unknown
 */
export function webhook(options: WebhookOptions): (event: LedgerEvent, signal: AbortSignal) => Promise<void> {
  checkOptionNames(options, known, 'webhook()')
  checkOptionType('fetch', options.fetch, 'function')
  const { url, secret, fetch } = options
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
    // Not the standard base64 that receivers read: the URL-safe alphabet differs.
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
