import type { CallContext, PhoneRequest, PhoneResult } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { type Call, openCall } from '../adapter/call.ts'
import { awaitEnd } from './await-end.ts'
import { callParameters } from './call-parameters.ts'
import type { CallWatch } from './call-watches.ts'
import type { TwilioConnection } from './twilio-client.ts'
import { outcomeUnknown, placingError } from './twilio-error.ts'
import type { TwilioExchange } from './twilio-http.ts'

/**
 * Places a call, never twice, and waits for its end. Once the request is sent, every failure but a plain refusal is
 * `outcome_unknown`, with the call's id, if known, as `requestId`. An abort and a deadline are too: they end our wait, not the
 * call.
 */
export async function placeCall(connection: TwilioConnection, request: PhoneRequest, context: CallContext): Promise<PhoneResult> {
  const parameters = callParameters(connection.name, connection.settings, request, context.attemptId)
  const call = openCall(connection.name, context.signal)
  const watch = connection.watches.open(context.attemptId)
  try {
    const callId = await place(connection, parameters, { context, call, watch })
    return await awaitEnd(connection, { callId, durationSecondsMax: request.durationSecondsMax, call, watch, context })
  } finally {
    watch.close()
    call.end()
  }
}

interface Placing {
  context: CallContext
  call: Call
  watch: CallWatch
}

/** Sends the request. @returns the call's id */
async function place(connection: TwilioConnection, parameters: object, { context, call, watch }: Placing): Promise<string> {
  const { name } = connection
  const exchange: TwilioExchange = { signal: call.signal, wasSent: false }
  try {
    const client = await call.race(connection.client())
    context.signal.throwIfAborted()
    // A host's client may send the request from here on without telling us. Our own sets this when it does.
    exchange.wasSent = connection.isHostClient
    const answer = await call.race(connection.http.run(exchange, () => client.calls.create(parameters)))
    const callId = asText(asRecord(answer)?.sid)
    if (callId === undefined) throw malformed(name, "the call's id", undefined)
    watch.identify(callId)
    return callId
  } catch (thrown) {
    const { error, mayRing } = placingError(connection, thrown, { signal: context.signal, exchange })
    if (!mayRing) throw error
    const callId = await hearOf(connection, { context, call, watch })
    if (callId === undefined || context.signal.aborted) throw outcomeUnknown(name, error, callId)
    watch.identify(callId)
    return callId
  }
}

/** The id of a call whose request got no answer, from a status callback that has arrived or arrives soon. */
async function hearOf({ settings }: TwilioConnection, { context, call, watch }: Placing): Promise<string | undefined> {
  if (watch.callId === undefined && settings.statusCallbackUrl !== undefined && !context.signal.aborted) {
    await call.race(watch.pause(settings.pollMs * 2)).catch(() => {})
  }
  return watch.callId
}
