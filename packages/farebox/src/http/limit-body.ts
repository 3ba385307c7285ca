import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'

/** Refuses bodies that are longer than so many bytes: at once where their length is told, and else as soon as it shows. */
export function limitBody(maxSize: number, tooLarge: (context: Context) => Response): MiddlewareHandler {
  const counting = bodyLimit({ maxSize, onError: tooLarge })
  return async (context, next) => {
    const { method } = context.req
    const length = context.req.header('content-length')
    // Where the length is told, the body need not be looked at, which would make a web stream of it.
    if (length === undefined || context.req.header('transfer-encoding') !== undefined) {
      return method === 'GET' || method === 'HEAD' ? next() : counting(context, next)
    }
    return Number(length) > maxSize ? tooLarge(context) : next()
  }
}
