import { formatQuantity, type NanoUsd, type PhoneResult, quantity, type Usage } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { twilioCallUsage } from '../usage/twilio.ts'

/** Twilio's words for where a call is. */
export type TwilioCallStatus =
  | 'queued'
  | 'initiated'
  | 'ringing'
  | 'in-progress'
  | 'completed'
  | 'busy'
  | 'no-answer'
  | 'failed'
  | 'canceled'

/** How a call ended, by the call resource or by a status callback. */
export interface EndedCall {
  status: PhoneResult['status']
  /** `undefined`: it was connected, and for how long is not told yet. */
  usage?: Usage
  /** `undefined`: not told yet, or in another currency than US dollars. */
  cost?: NanoUsd
}

const END_BY_STATUS: ReadonlyMap<unknown, PhoneResult['status']> = new Map([
  ['completed', 'completed'],
  ['busy', 'busy'],
  ['no-answer', 'no_answer'],
  ['failed', 'failed'],
  ['canceled', 'canceled'],
])

/** How a call ended; `undefined` while it goes on. A count or a price that makes no sense is read as not told. */
export function readEnd(call: unknown): EndedCall | undefined {
  const given = asRecord(call)
  const status = END_BY_STATUS.get(given?.status ?? given?.CallStatus)
  if (status === undefined) return undefined
  // Apart, so that a price that makes no sense does not cost us the duration.
  const usage = readable(() => twilioCallUsage({ ...given, price: null }).usage)
  const cost = readable(() => twilioCallUsage({ ...given, duration: '0', CallDuration: undefined }).cost)
  return { status, ...(usage === undefined ? {} : { usage }), ...(cost === undefined ? {} : { cost }) }
}

/** The seconds of a call by the times at which it began and ended, for when Twilio does not count them; rounded up. */
export function secondsBetween(call: unknown): Usage | undefined {
  const { startTime, endTime } = asRecord(call) ?? {}
  if (!(startTime instanceof Date) || !(endTime instanceof Date)) return undefined
  const seconds = Math.ceil((endTime.getTime() - startTime.getTime()) / 1000)
  return Number.isFinite(seconds) && seconds >= 0 ? durationUsage(Math.max(1, seconds), 'derived') : undefined
}

/** Usage of so many seconds. */
export function durationUsage(seconds: number, certainty: Usage['certainty']): Usage {
  return { quantities: [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' }], certainty }
}

/** The result of a call that ended after the time that `usage` tells. */
export function phoneResult(callId: string, { status, cost }: EndedCall, usage: Usage): PhoneResult {
  const [duration] = usage.quantities
  const durationSeconds = duration === undefined ? 0 : Number(formatQuantity(duration.quantity))
  return { callId, status, durationSeconds, usage, ...(cost === undefined ? {} : { cost }) }
}
