import { type CallContext, ProviderError } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { type Call, openCall } from '../adapter/call.ts'
import { ask } from './ask.ts'
import { readEnd } from './read-call.ts'
import type { TwilioConnection } from './twilio-client.ts'
import { outcomeUnknown } from './twilio-error.ts'

/** How many times to try to end a call. Between the poll and the update, the callee may answer, or the call may end. */
const ROUNDS_MAX = 5
/** Twilio's code for an update to a call that has already ended. @source https://www.twilio.com/docs/api/errors/21220 */
const ALREADY_ENDED = '21220'

/**
 * Hangs up a call, and resolves once Twilio reports that it is over, even if it already was. The status `canceled` ends only a
 * queued or ringing call, and `completed` an answered one, so the call's state decides which to send.
 *
 * @source https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
 */
export async function endCall(connection: TwilioConnection, callId: string, context: CallContext): Promise<void> {
  const call = openCall(connection.name, context.signal)
  const watch = connection.watches.open('')
  watch.identify(callId)
  try {
    let isTold = false
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      if (round > 0) await call.race(watch.pause(connection.settings.pollMs))
      if (watch.end !== undefined) return
      const seen = await ask(connection, call, context, (client) => client.calls(callId).fetch())
      if (isOver(connection, callId, seen)) return
      const told = await order(connection, call, context, { callId, status: orderFor(seen) })
      isTold ||= told !== undefined
      if (isOver(connection, callId, told)) return
    }
    throw unconfirmed(connection.name, callId, isTold)
  } finally {
    watch.close()
    call.end()
  }
}

/** Whether the call has ended. If so, it tells the watches, which then need not poll again. */
function isOver({ watches }: TwilioConnection, callId: string, call: unknown): boolean {
  const end = readEnd(call)
  if (end !== undefined) watches.tell({ callId, end })
  return end !== undefined
}

function orderFor(call: unknown): 'completed' | 'canceled' {
  return asRecord(call)?.status === 'in-progress' ? 'completed' : 'canceled'
}

/** Sets the call's status. @returns the call, or `undefined` if it had already ended */
async function order(
  connection: TwilioConnection,
  call: Call,
  context: CallContext,
  { callId, status }: { callId: string; status: string },
): Promise<unknown> {
  try {
    return await ask(connection, call, context, (client) => client.calls(callId).update({ status }))
  } catch (error) {
    if (error instanceof ProviderError && error.providerCode === ALREADY_ENDED) return undefined
    throw error
  }
}

function unconfirmed(provider: string, callId: string, isTold: boolean): ProviderError {
  const message = isTold ? 'it was told to end, but goes on' : 'it could not be told to end'
  return outcomeUnknown(provider, new ProviderError(message, { provider, kind: 'unavailable' }), callId)
}
