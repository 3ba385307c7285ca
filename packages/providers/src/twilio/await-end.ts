import { type CallContext, type PhoneResult, ProviderError } from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import { ask } from './ask.ts'
import type { CallWatch } from './call-watches.ts'
import { durationUsage, type EndedCall, phoneResult, readEnd, secondsBetween } from './read-call.ts'
import type { TwilioConnection } from './twilio-client.ts'
import { outcomeUnknown, twilioError } from './twilio-error.ts'
import { timerMs } from './twilio-http.ts'

/** A call that was placed. */
export interface PlacedCall {
  callId: string
  durationSecondsMax: number
  call: Call
  watch: CallWatch
  context: CallContext
}

/** The growth of each pause over the one before, and its maximum as a multiple of the first. */
const BACKOFF = 1.5
const BACKOFF_MAX = 8
/** How many polls in a row may fail. */
const FAILURES_MAX = 6
/** The longest `retry-after` to respect between polls. */
const RETRY_AFTER_MS_MAX = 60_000
/** How many polls of an ended call may lack its duration. */
const UNREPORTED_MAX = 4
/** How long a call may be queued, and how long Twilio may take to report its end. */
const QUEUE_SECONDS_MAX = 600
const TELLING_SECONDS_MAX = 120

/**
 * Waits for a call to end. It learns of the end from status callbacks that the host passes on, and by polling at growing
 * intervals. It never hangs up.
 *
 * @throws {ProviderError} `outcome_unknown`, with the call's id: the call could not be followed to its end
 */
export async function awaitEnd(connection: TwilioConnection, placed: PlacedCall): Promise<PhoneResult> {
  try {
    return await follow(connection, placed)
  } catch (thrown) {
    const error = twilioError(connection, thrown, { signal: placed.context.signal })
    throw outcomeUnknown(connection.name, error, placed.callId)
  }
}

/**
 * How many seconds beyond its time limit to follow a call, for its time in the queue, its ringing and a late report of its end.
 */
export function extraSeconds(ringSeconds: number): number {
  return QUEUE_SECONDS_MAX + ringSeconds + TELLING_SECONDS_MAX
}

async function follow(connection: TwilioConnection, placed: PlacedCall): Promise<PhoneResult> {
  const { callId, durationSecondsMax, call, watch } = placed
  const { pollMs, ringSeconds } = connection.settings
  const waitMsMax = (durationSecondsMax + extraSeconds(ringSeconds)) * 1000
  let waitedMs = 0
  let delayMs = pollMs
  let failures = 0
  let unreported = 0
  for (;;) {
    const pauseMs = jittered(delayMs)
    if (watch.end?.usage === undefined) await call.race(watch.pause(pauseMs))
    if (watch.end?.usage !== undefined) return phoneResult(callId, watch.end, watch.end.usage)
    waitedMs += pauseMs

    const seen = await look(connection, placed)
    if (seen instanceof ProviderError) {
      failures += 1
      if (seen.kind === 'authentication' || failures >= FAILURES_MAX) throw seen
      delayMs = Math.max(delayMs * BACKOFF, Math.min(seen.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX))
      continue
    }
    failures = 0
    if (seen.end?.usage !== undefined) return phoneResult(callId, seen.end, seen.end.usage)
    if (seen.end !== undefined) {
      unreported += 1
      if (unreported >= UNREPORTED_MAX) {
        return phoneResult(callId, seen.end, secondsBetween(seen.call) ?? durationUsage(durationSecondsMax, 'ceiling'))
      }
    }
    if (waitedMs >= waitMsMax) throw neverEnded(connection.name, waitedMs)
    delayMs = Math.min(delayMs * BACKOFF, pollMs * BACKOFF_MAX)
  }
}

/** Polls the call once. It returns a failure of the request instead of throwing it. */
async function look(
  connection: TwilioConnection,
  { callId, call, context }: PlacedCall,
): Promise<{ call: unknown; end: EndedCall | undefined } | ProviderError> {
  try {
    const seen = await ask(connection, call, context, (client) => client.calls(callId).fetch())
    return { call: seen, end: readEnd(seen) }
  } catch (error) {
    if (context.signal.aborted || !(error instanceof ProviderError)) throw error
    return error
  }
}

/** Varies a pause by up to a fifth either way, so that calls that began together do not keep polling together. */
function jittered(milliseconds: number): number {
  return timerMs(milliseconds * (0.8 + Math.random() * 0.4))
}

function neverEnded(provider: string, waitedMs: number): ProviderError {
  const seconds = Math.round(waitedMs / 1000)
  return new ProviderError(`no end within ${seconds} seconds, which is beyond its limit`, { provider, kind: 'timeout' })
}
