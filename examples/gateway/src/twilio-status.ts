import { InvalidSignatureError, type TwilioAdapter } from '@farebox/providers/twilio'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'

/** The path to which Twilio reports the status of calls. */
export const STATUS_PATH = '/twilio/status'

/** A status callback is a form of a few hundred bytes, and anybody may send one. */
const BODY_BYTES_MAX = 65_536

/**
 * The route for Twilio's status callbacks. A request that Twilio did not sign gets a 403 and changes nothing.
 *
 * @param publicUrl  the URL that Twilio calls and signs; behind a proxy, the URL that arrives here is another
 */
export function twilioStatus(twilio: TwilioAdapter, publicUrl: string): Hono {
  return new Hono().post(STATUS_PATH, bodyLimit({ maxSize: BODY_BYTES_MAX }), async (context) => {
    const { search } = new URL(context.req.url)
    const signature = context.req.header('x-twilio-signature')
    const form = new URLSearchParams(await context.req.text())
    try {
      await twilio.statusCallback({ url: `${publicUrl}${search}`, signature, form })
    } catch (error) {
      return context.body(null, error instanceof InvalidSignatureError ? 403 : 400)
    }
    return context.body(null, 204)
  })
}
