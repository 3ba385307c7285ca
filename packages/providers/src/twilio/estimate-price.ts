import { type CallContext, type NanoUsd, parseUsd } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { ask } from './ask.ts'
import type { TwilioConnection } from './twilio-client.ts'

/** The numbers at both ends of a planned call, in E.164. */
export interface CallEnds {
  to: string
  from?: string
}

/** What a minute of a call would cost this account. `undefined` when Twilio quotes no price, or none in US dollars. */
export async function estimatePrice(
  connection: TwilioConnection,
  { to, from = connection.settings.from }: CallEnds,
  context: CallContext,
): Promise<NanoUsd | undefined> {
  const call = openCall(connection.name, context.signal)
  try {
    const filter = from === undefined ? {} : { originationNumber: from }
    const answer = asRecord(await ask(connection, call, context, (client) => client.pricing.v2.voice.numbers(to).fetch(filter)))
    if (asText(answer?.priceUnit)?.toUpperCase() !== 'USD' || !Array.isArray(answer?.outboundCallPrices)) return undefined
    const prices = answer.outboundCallPrices.flatMap((price) => {
      const { currentPrice, current_price } = asRecord(price) ?? {}
      const amount = parseUsd(String(currentPrice ?? current_price))
      return amount === undefined ? [] : [amount]
    })
    // The price depends on the group of the caller's number, which we cannot tell, so the highest applies.
    return prices.sort((left, right) => (left < right ? 1 : -1))[0]
  } finally {
    call.end()
  }
}
