import { InvalidOptionError } from '@farebox/core'

/** An event in the JSON format of CloudEvents 1.0. */
export interface CloudEvent {
  specversion: '1.0'
  id: string
  /** With `id` it names the event, whoever receives it. */
  source: string
  type: string
  /** The account. */
  subject: string
  time: string
  datacontenttype: 'application/json'
  data: object
}

/** Where usage and purchases are said to come from, where the host does not say. */
export const CLOUD_EVENT_SOURCE = 'urn:farebox'

/** @throws {InvalidOptionError} it is no URI reference */
export function checkSource(source: string): void {
  if (source === '' || /[\s<>"{}|\\^`]/.test(source)) {
    throw new InvalidOptionError(`source must be a URI reference, received ${JSON.stringify(source)}`)
  }
}

interface EventFields {
  type: 'usage' | 'purchase'
  /** Unique among the usage, or the purchases, of its account. */
  id: string
  account_id: string
  created_at: string
}

/**
 * Something of an account as an event: `farebox.usage.recorded` or `farebox.purchase.recorded`. The same record has the same `source` and `id`
 * each time, because both are of its ids alone, and no other has both.
 *
 * @param source  a URI reference, to which the account is added, and for purchases that they are
 * @source https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function cloudEvent({ type, id, account_id, created_at }: EventFields, data: object, source: string): CloudEvent {
  return {
    specversion: '1.0',
    id,
    source: `${source}:${encodeURIComponent(account_id)}${type === 'purchase' ? ':purchases' : ''}`,
    type: `farebox.${type}.recorded`,
    subject: account_id,
    time: created_at,
    datacontenttype: 'application/json',
    data,
  }
}
