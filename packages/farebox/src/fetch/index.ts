import type { Farebox } from '../farebox.ts'
import { isApiPath } from '../http/api-path.ts'
import type { RoutesOptions } from '../http/routes.ts'

/**
 * The HTTP API for servers that speak `Request` and `Response`: Hono, Fastify, Deno, workers. Answers `undefined` for paths that
 * are not the API's, so that the host can go on.
 *
 * @example
 * const farebox = fareboxFetch(box)
 * app.use(async (c, next) => (await farebox(c.req.raw)) ?? next())
 */
export function fareboxFetch(box: Farebox, options: RoutesOptions = {}): (request: Request) => Promise<Response | undefined> {
  const routes = box.routes(options)
  return async (request) => (isApiPath(new URL(request.url).pathname) ? routes(request) : undefined)
}
