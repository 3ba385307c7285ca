import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DashboardOptions } from '../dashboard-options.ts'
import { nodePages } from '../node-pages.ts'

export type { DashboardOptions } from '../dashboard-options.ts'

/** A handler for `app.use`. */
export type ExpressHandler = (
  request: IncomingMessage & { baseUrl?: string },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>

/**
 * The dashboard. Used without a path it is at `path`, and other paths go on to the next handler; used with one
 * (`app.use('/money', dashboard())`) it is there.
 *
 * @throws {TypeError} an option is malformed
 */
export function dashboard(options: DashboardOptions = {}): ExpressHandler {
  const pages = nodePages(options)
  return async (request, response, next) => {
    try {
      if (!(await pages(request, response, request.baseUrl))) next()
    } catch (error) {
      next(error)
    }
  }
}
