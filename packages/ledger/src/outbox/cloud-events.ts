import { checkOptionNames, checkOptionType, describeOption, InvalidOptionError } from '@farebox/core'
import { CLOUD_EVENT_SOURCE, type CloudEvent, checkSource, cloudEvent } from '../export/cloud-event.ts'
import { usageFields } from '../export/usage-fields.ts'
import { checkReceipt, checkReceiverUrl } from './receiver-url.ts'
import type { DeliverUsage } from './usage-outbox.ts'

/** Where to post usage as CloudEvents, and how. */
export interface CloudEventsOptions {
  /** The receiver's address: `https`, or `http` to this machine. */
  url: string
  /** Prefix of each event's `source`: a URI reference. @defaultValue `urn:farebox` */
  source?: string
  /** Headers to send with each event, such as the receiver's token. */
  headers?: Readonly<Record<string, string>>
  /** Whether to include what providers charge the host. @defaultValue false */
  includeCosts?: boolean
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
}

const known: Record<keyof CloudEventsOptions, true> = { url: true, source: true, headers: true, includeCosts: true, fetch: true }

/**
 * Posts each usage record as a CloudEvent 1.0 in structured mode, for a {@link UsageOutbox}. A record has the same `source` and
 * `id` each time, so receivers can recognize a duplicate. A 410 gives the record up. Other failures are retried. Redirects are
 * not followed.
 *
 * @throws {InvalidOptionError} an option is unknown or invalid
 */
export function cloudEvents(options: CloudEventsOptions): DeliverUsage {
  checkOptionNames(options, known, 'cloudEvents()')
  checkOptionType('includeCosts', options.includeCosts, 'boolean')
  checkOptionType('fetch', options.fetch, 'function')
  const { source = CLOUD_EVENT_SOURCE, includeCosts, fetch } = options
  checkSource(source)
  const address = checkReceiverUrl(options.url, 'cloudEvents')
  const headers = headersOf(options.headers)
  headers.set('content-type', 'application/cloudevents+json; charset=utf-8')
  return async (record, signal) => {
    const data = usageFields(record, { includeCosts })
    const event: CloudEvent = cloudEvent({ ...data, type: 'usage', id: record.usageId }, data, source)
    const response = await (fetch ?? globalThis.fetch)(address, {
      method: 'POST',
      redirect: 'manual',
      signal,
      headers,
      body: JSON.stringify(event),
    })
    await checkReceipt(response, address)
  }
}

/** `Headers` ignores case. Two spellings of the content type would be sent as one that no receiver knows. */
function headersOf(given: CloudEventsOptions['headers']): Headers {
  checkOptionType('headers', given, 'object')
  const headers = new Headers()
  for (const [name, value] of Object.entries(given ?? {}) as [string, unknown][]) {
    if (typeof value !== 'string')
      throw new InvalidOptionError(`headers.${name} must be a text, received ${describeOption(value)}`)
    try {
      headers.append(name, value)
    } catch {
      // The error would quote the value, which may be a secret.
      throw new InvalidOptionError(
        `headers.${name} cannot be sent: its name or its value has characters that a header cannot have`,
      )
    }
  }
  return headers
}
