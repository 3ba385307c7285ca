import type { Farebox } from '../farebox.ts'
import { isApiPath } from '../http/api-path.ts'
import type { RoutesOptions } from '../http/routes.ts'

/**
 * The HTTP API for servers that speak `Request` and `Response`: Hono, Deno, workers. Resolves to `undefined` for paths outside the
 * API, so that the host can serve them itself. Mount it before middleware that reads bodies.
 *
 * @example
 * const farebox = fareboxFetch(box)
 * app.use(async (c, next) => (await farebox(c.req.raw)) ?? next())
 */
export function fareboxFetch(box: Farebox, options: RoutesOptions = {}): (request: Request) => Promise<Response | undefined> {
  const routes = box.routes(options)
  return async (request) => (isApiPath(new URL(request.url).pathname) ? routes(request) : undefined)
}
