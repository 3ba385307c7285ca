import { formatQuantity, type NanoUsd, type PhoneResult, quantity, type Usage } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { twilioCallUsage } from '../usage/twilio.ts'

/** The status of a call, in Twilio's terms. */
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

/** How a call ended, from the call resource or a status callback. */
export interface EndedCall {
  status: PhoneResult['status']
  /** `undefined` if the call was connected and Twilio has not reported its duration yet. */
  usage?: Usage
  /** `undefined` if Twilio has not reported it yet, or not in US dollars. */
  cost?: NanoUsd
}

const END_BY_STATUS: ReadonlyMap<unknown, PhoneResult['status']> = new Map([
  ['completed', 'completed'],
  ['busy', 'busy'],
  ['no-answer', 'no_answer'],
  ['failed', 'failed'],
  ['canceled', 'canceled'],
])

/** How a call ended. `undefined` while it lasts. An invalid duration or price counts as not reported. */
export function readEnd(call: unknown): EndedCall | undefined {
  const given = asRecord(call)
  const status = END_BY_STATUS.get(given?.status ?? given?.CallStatus)
  if (status === undefined) return undefined
  // Read separately, so that an invalid price does not lose the duration.
  const usage = readable(() => twilioCallUsage({ ...given, price: null }).usage)
  const cost = readable(() => twilioCallUsage({ ...given, duration: '0', CallDuration: undefined }).cost)
  return { status, ...(usage === undefined ? {} : { usage }), ...(cost === undefined ? {} : { cost }) }
}

/** The seconds between a call's start and end, rounded up, for when Twilio reports no duration. */
export function secondsBetween(call: unknown): Usage | undefined {
  const { startTime, endTime } = asRecord(call) ?? {}
  if (!(startTime instanceof Date) || !(endTime instanceof Date)) return undefined
  const seconds = Math.ceil((endTime.getTime() - startTime.getTime()) / 1000)
  return Number.isFinite(seconds) && seconds >= 0 ? durationUsage(Math.max(1, seconds), 'derived') : undefined
}

/** Usage measured in seconds. */
export function durationUsage(seconds: number, certainty: Usage['certainty']): Usage {
  return { quantities: [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' }], certainty }
}

/** The result of a call that ended, with the duration in `usage`. */
export function phoneResult(callId: string, { status, cost }: EndedCall, usage: Usage): PhoneResult {
  const [duration] = usage.quantities
  const durationSeconds = duration === undefined ? 0 : Number(formatQuantity(duration.quantity))
  return { callId, status, durationSeconds, usage, ...(cost === undefined ? {} : { cost }) }
}
