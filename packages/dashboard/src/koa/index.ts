import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DashboardOptions } from '../dashboard-options.ts'
import { nodePages } from '../node-pages.ts'

export type { DashboardOptions } from '../dashboard-options.ts'

/** The slice of a Koa context that we use. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  respond?: boolean
}

/** Middleware for `app.use`. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>

/**
 * The dashboard, at `path`. Other paths go on to the next middleware.
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
