import { describeOption, InvalidOptionError } from '@farebox/core'

/** An event in the JSON format of CloudEvents 1.0. */
export interface CloudEvent {
  specversion: '1.0'
  id: string
  /** Together with `id`, identifies the event. */
  source: string
  type: string
  /** The account's id. */
  subject: string
  time: string
  datacontenttype: 'application/json'
  data: object
}

/** The default prefix of `source`. */
export const CLOUD_EVENT_SOURCE = 'urn:farebox'

/** @throws {InvalidOptionError} it is not a URI reference */
export function checkSource(source: string): void {
  if (typeof source !== 'string' || source === '' || /[\s<>"{}|\\^`]/.test(source)) {
    throw new InvalidOptionError(`source must be a URI reference, received ${describeOption(source)}`)
  }
}

interface EventFields {
  type: 'usage' | 'purchase'
  /** Unique among the account's usage, or its purchases. */
  id: string
  account_id: string
  created_at: string
}

/**
 * Wraps a record of an account in an event: `farebox.usage.recorded` or `farebox.purchase.recorded`. `source` and `id` depend
 * only on the record's ids, so the same record always has the same pair, and no other record has it.
 *
 * @param source  a URI reference. The account is appended to it, and `purchases` for purchases.
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
