import type { PhoneRequest } from '@farebox/core'
import type { TwilioSettings } from './twilio-client.ts'
import { invalidRequest } from './twilio-error.ts'
import { sayTwiml } from './twiml.ts'

/** The query parameter of a status callback with our attempt's id. */
export const ATTEMPT_PARAMETER = 'attempt_id'

/** The most characters of instructions sent with the call. @source the specification of Twilio's API, `Twiml` */
const TWIML_MAX = 4_000
/** The longest time that a phone may ring, in seconds. @source the same */
const RING_SECONDS_MAX = 600

/**
 * The SDK's parameters for a call. They always include `timeLimit`, at which Twilio ends the call: the hard limit of its cost.
 *
 * @throws {ProviderError} `invalid_request`: Twilio would refuse the call, or it would have no time limit
 */
export function callParameters(
  name: string,
  settings: TwilioSettings,
  request: PhoneRequest,
  attemptId: string,
): Record<string, unknown> {
  const { to, from = settings.from, durationSecondsMax } = request
  if (!isPhoneNumber(to))
    throw invalidRequest(name, 'the number to call is not in E.164 form, such as +15551234567', { providerParameter: 'to' })
  if (from === undefined)
    throw invalidRequest(name, 'there is no number to call from: give the request or the adapter one', {
      providerParameter: 'from',
    })
  const timeLimit = Math.floor(durationSecondsMax)
  if (!Number.isSafeInteger(timeLimit) || timeLimit < 1) {
    throw invalidRequest(name, `durationSecondsMax must be 1 or more, received ${durationSecondsMax}`, {
      providerParameter: 'durationSecondsMax',
    })
  }
  return {
    to,
    from,
    timeLimit,
    timeout: Math.min(settings.ringSeconds, RING_SECONDS_MAX),
    ...instructions(name, request.instructions),
    ...(settings.machineDetection === undefined ? {} : { machineDetection: settings.machineDetection }),
    ...(settings.statusCallbackUrl === undefined
      ? {}
      : {
          statusCallback: callbackUrl(settings.statusCallbackUrl, attemptId),
          statusCallbackMethod: 'POST',
          statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
        }),
  }
}

function instructions(name: string, given: PhoneRequest['instructions']): { url: string } | { twiml: string } {
  if (given.type === 'url') return { url: given.url }
  const twiml = given.type === 'say' ? sayTwiml(given.text) : given.twiml
  if (twiml.length <= TWIML_MAX) return { twiml }
  throw invalidRequest(
    name,
    `the instructions have ${twiml.length} characters, and ${TWIML_MAX} may be sent: serve them from a URL`,
    { providerCode: 'too_long', providerParameter: 'instructions' },
  )
}

function callbackUrl(url: string, attemptId: string): string {
  const parsed = new URL(url)
  parsed.searchParams.set(ATTEMPT_PARAMETER, attemptId)
  return parsed.href
}

function isPhoneNumber(text: string): boolean {
  return /^\+[1-9]\d{3,14}$/.test(text)
}
