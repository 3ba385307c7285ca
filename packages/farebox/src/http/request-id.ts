import { newUuid } from '@farebox/ledger'
import type { Context, MiddlewareHandler } from 'hono'

/** The header that OpenAI's clients expose as `_request_id`. */
export const REQUEST_ID = 'x-request-id'

/** Gives each request an id for its answer and the log. Keeps an id that a proxy or the host has set. */
export const requestId: MiddlewareHandler = async (context, next) => {
  const given = context.req.header(REQUEST_ID)
  const id = given !== undefined && GIVEN.test(given) ? given : `req_${newUuid().replaceAll('-', '')}`
  context.set(REQUEST_ID, id)
  await next()
  context.res.headers.set(REQUEST_ID, id)
}

const GIVEN = /^[\w.:=+/-]{1,200}$/

/** The id of a request, for the log. Only requests of OpenAI's clients have one. */
export function requestIdFacts(context: Context): { x_request_id?: string } {
  const id: unknown = context.get(REQUEST_ID)
  return typeof id === 'string' ? { x_request_id: id } : {}
}
