import { randomUUID } from 'node:crypto'
import { formatCredits, InvalidOptionError } from '@farebox/core'
import { v5 as uuidv5 } from 'uuid'
import type { UsageRow } from '../rows.ts'
import { DeliveryRefusedError } from './outbox.ts'
import type { DeliverUsage } from './usage-outbox.ts'

/** The slice of the host's Stripe client that is used. */
export interface StripeMeterClient {
  billing: {
    meterEvents: {
      create(
        params: { event_name: string; identifier: string; timestamp: number; payload: Record<string, string> },
        options: { idempotencyKey: string; maxNetworkRetries: number },
      ): Promise<unknown>
    }
  }
}

/** Which meter of Stripe is told, and how customers are named. */
export interface StripeMeterEventsOptions {
  /** The host's own client: `new Stripe(key)`. */
  stripe: StripeMeterClient
  /** `event_name` of the meter. */
  eventName: string
  /** Stripe's customer of a record: `cus_…`. `undefined` is nobody, and the record is passed over. */
  customerOf(record: UsageRow): string | undefined | Promise<string | undefined>
  /**
   * What is reported of a record: `credits`, which must be whole; `micro_credits`, which always are; or a whole number of the host's own, as text,
   * where `undefined` reports nothing. A record of nothing is passed over. @defaultValue `credits`
   */
  value?: 'credits' | 'micro_credits' | ((record: UsageRow) => string | bigint | undefined)
  /** Keys of the payload, where the meter has its own. @defaultValue Stripe's: `stripe_customer_id` and `value` */
  payloadKeys?: { customer?: string; value?: string }
}

/** Turns records into identifiers of their events: any fixed UUID would do. */
const NAMESPACE = '0f1a4c3e-6f0e-5d0b-8f2d-7c1b2a9e4d35'

/** Statuses that say that the same event will be refused again. A wrong key, a conflict or too many requests may be over the next time. */
const FINAL: ReadonlySet<number> = new Set([400, 402, 404, 422])
/** Stripe takes events of 35 days. What is younger by our clock and of the wrong time by Stripe's is the fault of a clock, which may be set right. */
const YOUNG_MS = 34 * 86_400_000

/**
 * Reports usage to a meter of Stripe's billing: for a {@link UsageOutbox}. Each record is one event, whose `identifier` is the same each time, so
 * that Stripe counts it once: it knows an identifier again for 24 hours at least, and not for ever. Stripe takes events of the last 35 days and of five
 * minutes to come: what a clock that is ahead has dated later is tried again. Refunds are negative values, for meters that sum.
 *
 * @throws {InvalidOptionError} an option is missing
 * @source https://docs.stripe.com/api/billing/meter-event/create
 */
export function stripeMeterEvents(options: StripeMeterEventsOptions): DeliverUsage {
  const { stripe, eventName, customerOf, value = 'credits', payloadKeys = {} } = options
  if (typeof stripe?.billing?.meterEvents?.create !== 'function') {
    throw new InvalidOptionError('stripe must be a Stripe client: new Stripe(key)')
  }
  if (typeof eventName !== 'string' || eventName === '' || eventName.length > 100) {
    throw new InvalidOptionError(`eventName must have 1 to 100 characters, received ${JSON.stringify(eventName)}`)
  }
  const { customer: customerKey = 'stripe_customer_id', value: valueKey = 'value' } = payloadKeys
  /** Events that Stripe failed at: under the same idempotency key it gives the same answer again, for a day. Their identifiers still count once. */
  const failed = new Set<string>()
  return async (record) => {
    const amount = amountOf(record, value)
    if (amount === undefined || amount === '0') return
    const customer = await customerOf(record)
    if (customer === undefined) return
    // The meter is in it: a record that is told to two of them is two events.
    const identifier = uuidv5([eventName, record.accountId, record.usageId].join('\0'), NAMESPACE)
    const payload = { [customerKey]: customer, [valueKey]: amount }
    const timestamp = Math.floor(record.createdAt / 1000)
    try {
      await stripe.billing.meterEvents.create(
        { event_name: eventName, identifier, timestamp, payload },
        // The outbox tries again, and says when.
        { idempotencyKey: `farebox-${identifier}${failed.has(identifier) ? `-${randomUUID()}` : ''}`, maxNetworkRetries: 0 },
      )
    } catch (error) {
      if (!isKnownAlready(error)) {
        if (isKeptAnswer(error, record)) failed.add(identifier)
        else if (isFinal(error)) failed.delete(identifier)
        throw asRefusal(error, record)
      }
    }
    failed.delete(identifier)
  }
}

function amountOf(record: UsageRow, value: NonNullable<StripeMeterEventsOptions['value']>): string | undefined {
  if (value === 'micro_credits') return String(record.charged)
  const reported = value === 'credits' ? formatCredits(record.charged) : value(record)
  if (reported === undefined) return undefined
  const text = String(reported)
  if (/^-?\d+$/.test(text)) return text
  throw new DeliveryRefusedError(
    `the value must be a whole number, received ${text}: report micro_credits where credits have fractions`,
  )
}

/**
 * Whether Stripe has the event since an earlier try: its words are all that tells this refusal from others.
 *
 * @source https://github.com/langfuse/langfuse/pull/16292, which quotes the answer
 */
function isKnownAlready(error: unknown): boolean {
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  return statusCode === 400 && /already exists with identifier/i.test(String(message))
}

/**
 * Whether Stripe would give this answer again, though another try may end otherwise: it keeps what an endpoint said, its failures too.
 *
 * @source https://docs.stripe.com/api/idempotent_requests
 */
function isKeptAnswer(error: unknown, record: UsageRow): boolean {
  const { statusCode } = error as { statusCode?: unknown }
  return isOfAClock(error, record) || (typeof statusCode === 'number' && statusCode >= 500)
}

function isOfAClock(error: unknown, { createdAt }: UsageRow): boolean {
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  return statusCode === 400 && /timestamp/i.test(String(message)) && createdAt > Date.now() - YOUNG_MS
}

function isFinal(error: unknown): error is { statusCode: number } {
  const { statusCode } = error as { statusCode?: unknown }
  return typeof statusCode === 'number' && FINAL.has(statusCode)
}

function asRefusal(error: unknown, record: UsageRow): unknown {
  if (!isFinal(error) || isOfAClock(error, record)) return error
  const words = error instanceof Error ? error.message : String(error)
  return new DeliveryRefusedError(`Stripe answered ${error.statusCode}: ${words}`, { cause: error })
}
