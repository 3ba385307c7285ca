import { randomUUID } from 'node:crypto'
import { checkOptionNames, describeOption, formatCredits, InvalidOptionError } from '@farebox/core'
import { v5 as uuidv5 } from 'uuid'
import type { UsageRow } from '../rows.ts'
import { DeliveryRefusedError } from './outbox.ts'
import type { DeliverUsage } from './usage-outbox.ts'

/** The part of the host's Stripe client that is used. */
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

/** The Stripe meter to report to, and how to find customers. */
export interface StripeMeterEventsOptions {
  /** The host's own client: `new Stripe(key)`. */
  stripe: StripeMeterClient
  /** The meter's `event_name`, of 1 to 100 characters. */
  eventName: string
  /**
   * Returns the Stripe customer of a record: `cus_…`. `undefined` and `null` skip the record. Blank text fails the delivery, which is
   * then tried again.
   */
  customerOf(record: UsageRow): string | undefined | null | Promise<string | undefined | null>
  /**
   * The value to report of a record: `credits`, which must be whole; `micro_credits`, which always are; or a function that
   * returns a whole number, or `undefined` to skip the record. A value of 0 is skipped. @defaultValue `credits`
   */
  value?: 'credits' | 'micro_credits' | ((record: UsageRow) => string | bigint | undefined)
  /** Payload keys, if the meter has custom ones. @defaultValue Stripe's own: `stripe_customer_id` and `value` */
  payloadKeys?: { customer?: string; value?: string }
}

const known: Record<keyof StripeMeterEventsOptions, true> = {
  stripe: true,
  eventName: true,
  customerOf: true,
  value: true,
  payloadKeys: true,
}

type PayloadKeys = NonNullable<StripeMeterEventsOptions['payloadKeys']>

const knownKeys: Record<keyof PayloadKeys, true> = { customer: true, value: true }

/** Namespace of the events' UUIDs. Any fixed UUID would do. */
const NAMESPACE = '0f1a4c3e-6f0e-5d0b-8f2d-7c1b2a9e4d35'

/** Statuses of permanent failures. A wrong key, a conflict or a rate limit may be over by the next attempt. */
const FINAL: ReadonlySet<number> = new Set([400, 402, 404, 422])
/** Stripe accepts events up to 35 days old. If it rejects a younger timestamp, a clock is wrong, and may be corrected. */
const YOUNG_MS = 34 * 86_400_000

/**
 * Reports usage to a Stripe billing meter, for a {@link UsageOutbox}. Each record becomes one event with a fixed `identifier`, so
 * that Stripe counts it once. Stripe remembers identifiers for at least 24 hours, but not forever. It accepts events from 35 days
 * ago to five minutes ahead. An event dated later by a fast clock is retried. Refunds are negative values, for meters that sum.
 *
 * @throws {InvalidOptionError} an option is unknown, missing or invalid
 * @source https://docs.stripe.com/api/billing/meter-event/create
 */
export function stripeMeterEvents(options: StripeMeterEventsOptions): DeliverUsage {
  checkOptionNames(options, known, 'stripeMeterEvents()')
  const { stripe, eventName, customerOf, value = 'credits', payloadKeys = {} } = options
  if (typeof stripe?.billing?.meterEvents?.create !== 'function') {
    throw new InvalidOptionError('stripe must be a Stripe client: new Stripe(key)')
  }
  if (typeof eventName !== 'string' || eventName === '' || eventName.length > 100) {
    throw new InvalidOptionError(`eventName must have 1 to 100 characters, received ${describeOption(eventName)}`)
  }
  if (typeof customerOf !== 'function')
    throw new InvalidOptionError(`customerOf must be a function, received ${describeOption(customerOf)}`)
  if (value !== 'credits' && value !== 'micro_credits' && typeof value !== 'function')
    throw new InvalidOptionError(`value must be credits, micro_credits or a function, received ${describeOption(value)}`)
  const { customerKey, valueKey } = resolveKeys(payloadKeys)
  /** Events that need a new idempotency key: Stripe replays a failure for a day. Their identifiers still count once. */
  const failed = new Set<string>()
  return async (record) => {
    const amount = amountOf(record, value)
    if (amount === undefined || amount === '0') return
    const customer = await customerOf(record)
    if (customer === undefined || customer === null) return
    // Stripe would refuse it for good, and the record would count as settled.
    if (typeof customer !== 'string' || customer.trim() === '') {
      throw new InvalidOptionError(
        `customerOf must return a Stripe customer, or undefined to skip the record: it returned ${JSON.stringify(customer)} for account ${record.accountId}`,
      )
    }
    // The meter's name is part of it, because a record reported to two meters is two events.
    const identifier = uuidv5([eventName, record.accountId, record.usageId].join('\0'), NAMESPACE)
    const payload = { [customerKey]: customer, [valueKey]: amount }
    const timestamp = Math.floor(record.createdAt / 1000)
    try {
      const answer = await stripe.billing.meterEvents.create(
        { event_name: eventName, identifier, timestamp, payload },
        // The outbox does the retrying.
        { idempotencyKey: `farebox-${identifier}${failed.has(identifier) ? `-${randomUUID()}` : ''}`, maxNetworkRetries: 0 },
      )
      checkAnswer(answer)
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

/** Without the right keys Stripe refuses each event for good. */
function resolveKeys(payloadKeys: PayloadKeys): { customerKey: string; valueKey: string } {
  checkOptionNames(payloadKeys, knownKeys, 'stripeMeterEvents({ payloadKeys })')
  const { customer = 'stripe_customer_id', value = 'value' } = payloadKeys
  for (const [name, key] of Object.entries({ customer, value }) as [string, unknown][]) {
    if (typeof key === 'string' && key.trim() !== '') continue
    throw new InvalidOptionError(`payloadKeys.${name} must be a text that is not blank, received ${describeOption(key)}`)
  }
  if (customer === value) {
    throw new InvalidOptionError(
      `payloadKeys.customer and payloadKeys.value must differ, received ${describeOption(value)} for both`,
    )
  }
  return { customerKey: customer, valueKey: value }
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
 * Stripe's client returns every JSON body without an `error`, whatever its status: also the 429 or 502 of a proxy in between.
 *
 * @throws the status is none of 200 to 299
 */
function checkAnswer(answer: unknown): void {
  const { lastResponse } = (answer ?? {}) as { lastResponse?: { statusCode?: unknown } }
  const status = lastResponse?.statusCode
  if (typeof status === 'number' && (status < 200 || status > 299)) {
    throw new Error(`the answer has status ${status} and is not Stripe's own`)
  }
}

/**
 * Whether Stripe already has the event from an earlier attempt. Only the message tells this failure from others.
 *
 * @source https://github.com/langfuse/langfuse/pull/16292, which quotes the message
 */
function isKnownAlready(error: unknown): boolean {
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  return statusCode === 400 && /already exists with identifier/i.test(String(message))
}

/**
 * Whether Stripe would replay this failure under the same idempotency key, although a new request may succeed.
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
