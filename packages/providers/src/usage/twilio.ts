import { InvalidUsageError, type NanoUsd, nanoUsd, parseUsd, quantity, type Usage } from '@farebox/core'
import { block, reportedText } from './reported.ts'

/** The statuses of calls that never connected. Their duration is empty, and Twilio does not charge for them. */
const NEVER_CONNECTED = new Set(['busy', 'failed', 'no-answer', 'canceled'])
const SOURCE = 'Twilio calls'

/** The usage of a call, and the cost that Twilio reports. */
export interface TwilioCallUsage {
  /** The seconds that the call was connected. `undefined` while it lasts. */
  usage: Usage | undefined
  /**
   * What Twilio charged for the connection, which it reports minutes after the call. It excludes features such as answering
   * machine detection. `undefined` when Twilio has not reported it yet, or not in US dollars.
   */
  cost: NanoUsd | undefined
}

/**
 * Reads the usage of a call resource, as the API sends it or the SDK returns it, or of a status callback. The usage is in
 * seconds: rounding up to whole minutes per leg is a rule of the price book.
 *
 * @throws {InvalidUsageError} the duration or the price is not a number, or the price is above zero
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

/** Twilio's price is the change of the balance, so it is negative. */
function costOf(call: ReturnType<typeof block>): NanoUsd | undefined {
  const price = call?.price
  const unit = call?.price_unit ?? call?.priceUnit
  if (price === undefined || price === null || price === '' || String(unit).toUpperCase() !== 'USD') return undefined
  const amount = parseUsd(String(price))
  // A positive price would mean that Twilio pays for the call.
  if (amount === undefined || amount > 0n)
    throw new InvalidUsageError(SOURCE, 'price', `reported price as ${String(price).slice(0, 40)}`)
  return nanoUsd(-amount)
}

function pick(from: ReturnType<typeof block>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (from?.[field] === undefined ? [] : [[field, from[field]]])))
}
