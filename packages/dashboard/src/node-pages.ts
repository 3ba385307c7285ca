import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type DashboardOptions, resolveDashboardOptions } from './dashboard-options.ts'
import { isBeneath, servePages } from './serve-pages.ts'

/**
 * Answers a request to a Node server if it is for the dashboard, and returns whether it was. `mounted`: where a router has
 * mounted the dashboard, instead of `path`.
 */
export type NodePages = (request: IncomingMessage, response: ServerResponse, mounted?: string) => Promise<boolean>

/** Creates a handler of the pages for servers that are built on Node's own. */
export function nodePages(options: DashboardOptions): NodePages {
  const resolved = resolveDashboardOptions(options)
  const serve = servePages(resolved)
  return async (request, response, mounted) => {
    const prefix = mounted || resolved.path
    // Express strips the mount path from `url` and keeps the whole path in `originalUrl`.
    const { originalUrl = request.url ?? '/' } = request as { originalUrl?: string }
    if (!isBeneath(originalUrl.split('?', 1)[0] ?? '', prefix)) return false
    Object.assign(request, { url: originalUrl })
    // Keep the host's global Request and Response as they are.
    await getRequestListener((asked) => serve(asked, prefix), { overrideGlobalObjects: false })(request, response)
    return true
  }
}
