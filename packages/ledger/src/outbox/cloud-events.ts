import { CLOUD_EVENT_SOURCE, type CloudEvent, checkSource, cloudEvent } from '../export/cloud-event.ts'
import { usageFields } from '../export/usage-fields.ts'
import { checkReceipt, checkReceiverUrl } from './receiver-url.ts'
import type { DeliverUsage } from './usage-outbox.ts'

/** Where usage is posted as CloudEvents, and how. */
export interface CloudEventsOptions {
  /** Where events are posted: `https`, or `http` to this machine. */
  url: string
  /** Begins the `source` of the events: a URI reference. @defaultValue `urn:farebox` */
  source?: string
  /** Sent with each, such as the receiver's token. */
  headers?: Readonly<Record<string, string>>
  /** Whether what providers charge us is told. @defaultValue false */
  includeCosts?: boolean
  /** @defaultValue the global `fetch` */
  fetch?: typeof globalThis.fetch
}

/**
 * Posts each usage record as a CloudEvent 1.0 in structured mode: for a {@link UsageOutbox}. `source` and `id` are the same each time that a
 * record is told, so a receiver that has it already knows. 410 gives a record up, other failures are tried again; redirects are not followed.
 *
 * @throws {InvalidOptionError} the address or the source cannot be used
 */
export function cloudEvents(options: CloudEventsOptions): DeliverUsage {
  const { source = CLOUD_EVENT_SOURCE, includeCosts, fetch } = options
  checkSource(source)
  const address = checkReceiverUrl(options.url, 'cloudEvents')
  // However the host spells it: two content types would be sent as one that nobody knows.
  const headers = new Headers(options.headers)
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
