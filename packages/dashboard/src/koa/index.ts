import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DashboardOptions } from '../dashboard-options.ts'
import { nodePages } from '../node-pages.ts'

export type { DashboardOptions } from '../dashboard-options.ts'

/** The part of a Koa context that the dashboard uses. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  respond?: boolean
}

/** Middleware for `app.use`. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>

/**
 * Creates the dashboard as Koa middleware. It serves `path` and passes other paths on to the next middleware.
 *
 * @throws {TypeError} an option is malformed
 */
export function dashboard(options: DashboardOptions = {}): KoaMiddleware {
  const pages = nodePages(options)
  return async (context, next) => {
    if (await pages(context.req, context.res)) context.respond = false
    else await next()
  }
}
