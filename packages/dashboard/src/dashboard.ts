import { type DashboardOptions, resolveDashboardOptions } from './dashboard-options.ts'
import { isBeneath, servePages } from './serve-pages.ts'

export type { DashboardOptions } from './dashboard-options.ts'

/**
 * Creates the dashboard for servers that use the standard `Request` and `Response`. Its static pages query the HTTP API with the
 * key of the user who signs in. The pages hold no data themselves, so they need no protection. Paths outside `path` get a 404.
 *
 * @throws {TypeError} an option is unknown or malformed
 *
 * @example
 * app.all('/dashboard/*', (context) => pages(context.req.raw)) // Hono, with `const pages = dashboard()`
 */
export function dashboard(options: DashboardOptions = {}): (request: Request) => Promise<Response> {
  const resolved = resolveDashboardOptions(options)
  const serve = servePages(resolved)
  return async (request) => {
    const { pathname } = new URL(request.url)
    if (!isBeneath(pathname, resolved.path)) return new Response('not found', { status: 404 })
    return serve(request, resolved.path)
  }
}
