import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type DashboardOptions, resolveDashboardOptions } from './dashboard-options.ts'
import { isBeneath, servePages } from './serve-pages.ts'

/** Answers a request of Node's server if its path is the dashboard's. `mounted`: where a router has put it, instead of `path`. */
export type NodePages = (request: IncomingMessage, response: ServerResponse, mounted?: string) => Promise<boolean>

/** The pages for servers that are built on Node's own. */
export function nodePages(options: DashboardOptions): NodePages {
  const resolved = resolveDashboardOptions(options)
  const serve = servePages(resolved)
  return async (request, response, mounted) => {
    const prefix = mounted || resolved.path
    // Express keeps the whole path here when it has taken the mounting path off `url`.
    const { originalUrl = request.url ?? '/' } = request as { originalUrl?: string }
    if (!isBeneath(originalUrl.split('?', 1)[0] ?? '', prefix)) return false
    Object.assign(request, { url: originalUrl })
    // The host's global Request and Response stay as they are.
    await getRequestListener((asked) => serve(asked, prefix), { overrideGlobalObjects: false })(request, response)
    return true
  }
}
