import { type CallContext, ProviderError } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { type Call, openCall } from '../adapter/call.ts'
import { ask } from './ask.ts'
import { readEnd } from './read-call.ts'
import type { TwilioConnection } from './twilio-client.ts'
import { outcomeUnknown } from './twilio-error.ts'

/** How often a call is told to end. It may be answered, or end by itself, between a look at it and the order. */
const ROUNDS_MAX = 5
/** Twilio's code for an order that comes when the call has ended. @source https://www.twilio.com/docs/api/errors/21220 */
const ALREADY_ENDED = '21220'

/**
 * Hangs up a call, and resolves when Twilio says that it is over, also if it was before. `canceled` ends a call that is queued or rings and
 * leaves one that was answered alone, `completed` ends that one, so which of them is sent follows from how the call is.
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

/** Tells whoever waits for the call's end, who need not ask once more. */
function isOver({ watches }: TwilioConnection, callId: string, call: unknown): boolean {
  const end = readEnd(call)
  if (end !== undefined) watches.tell({ callId, end })
  return end !== undefined
}

function orderFor(call: unknown): 'completed' | 'canceled' {
  return asRecord(call)?.status === 'in-progress' ? 'completed' : 'canceled'
}

/** @returns the call, or `undefined` when it ended before the order came */
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
  const message = isTold ? 'it was told to end, and goes on' : 'it could not be told to end'
  return outcomeUnknown(provider, new ProviderError(message, { provider, kind: 'unavailable' }), callId)
}
