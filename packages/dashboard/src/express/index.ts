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
 * Creates the dashboard as an Express handler. `app.use(dashboard())` serves it at `path` and passes other paths on to the next
 * handler. `app.use('/money', dashboard())` serves it at `/money`.
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
