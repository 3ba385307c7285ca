import { InvalidUsageError, type NanoUsd, nanoUsd, parseUsd, quantity, type Usage } from '@farebox/core'
import { block, reportedText } from './reported.ts'

/** Twilio's words for calls that were never connected. Their duration is empty, and they are not charged. */
const NEVER_CONNECTED = new Set(['busy', 'failed', 'no-answer', 'canceled'])
const SOURCE = 'Twilio calls'

/** What a call used, and what Twilio says that it cost. */
export interface TwilioCallUsage {
  /** Seconds that the call was connected; `undefined` while it goes on. */
  usage: Usage | undefined
  /**
   * What Twilio charged for the connection, once it knows, which takes minutes. Features such as answering machine detection are
   * not in it. `undefined`: not reported yet, or in another currency than US dollars.
   */
  cost: NanoUsd | undefined
}

/**
 * The usage of a call resource, as the API sends it or as the SDK hands it out, or of a status callback. Billing rounds it up to
 * whole minutes per leg: that is a rule of the price book, so here are the seconds.
 *
 * @throws {InvalidUsageError} the duration or the price is no number
 */
export function twilioCallUsage(call: unknown): TwilioCallUsage {
  const given = block(call)
  const status = given?.status ?? given?.CallStatus
  const isOver = status === 'completed' || NEVER_CONNECTED.has(String(status))
  if (!isOver) return { usage: undefined, cost: undefined }
  const reported = reportedText(SOURCE, given, given?.CallDuration === undefined ? 'duration' : 'CallDuration')
  const raw = pick(given, [
    'sid',
    'CallSid',
    'status',
    'CallStatus',
    'duration',
    'CallDuration',
    'price',
    'price_unit',
    'priceUnit',
  ])
  return { usage: usageOf(status === 'completed', reported, raw), cost: costOf(given) }
}

function usageOf(wasConnected: boolean, reported: number | undefined, raw: unknown): Usage | undefined {
  if (wasConnected && reported === undefined) return undefined
  // Twilio counts a completed call of less than a second as one second.
  const seconds = wasConnected ? Math.max(1, reported ?? 1) : (reported ?? 0)
  return { quantities: [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' }], certainty: 'exact', raw }
}

/** A price is what the balance changed by, so it is below zero. */
function costOf(call: ReturnType<typeof block>): NanoUsd | undefined {
  const price = call?.price
  const unit = call?.price_unit ?? call?.priceUnit
  if (price === undefined || price === null || price === '' || String(unit).toUpperCase() !== 'USD') return undefined
  const amount = parseUsd(String(price))
  // One above zero would give us money for a call.
  if (amount === undefined || amount > 0n)
    throw new InvalidUsageError(SOURCE, 'price', `reported price as ${String(price).slice(0, 40)}`)
  return nanoUsd(-amount)
}

function pick(from: ReturnType<typeof block>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (from?.[field] === undefined ? [] : [[field, from[field]]])))
}
