import type { ResolvedDashboardOptions } from './dashboard-options.ts'
import { type PageFile, readPages } from './read-pages.ts'

/** Answers a request whose path is beneath `prefix`. */
export type ServePages = (request: Request, prefix: string) => Promise<Response>

/** Whether a path is the prefix itself or beneath it. */
export function isBeneath(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

/** Serves the built pages. Reads them at the first request and keeps them in memory. */
export function servePages({ apiBase, apiOrigin, pagesFolder, publicPath }: ResolvedDashboardOptions): ServePages {
  let reading: ReturnType<typeof readPages> | undefined
  const policy = contentSecurityPolicy(apiOrigin)
  return async (request, prefix) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return new Response('method not allowed', { status: 405, headers: { allow: 'GET, HEAD' } })
    }
    reading ??= readPages(pagesFolder)
    const pages = await reading.catch((error: unknown) => {
      reading = undefined
      throw error
    })
    const name = new URL(request.url).pathname.slice(prefix.length + 1)
    const asset = pages.assets.get(name)
    if (asset) return assetAnswer(asset, request, policy)
    // Every other path is a view, which the page itself routes. A missing asset is not.
    if (name.startsWith('assets/')) return new Response('not found', { status: 404 })
    const page = pages.index
      .replace('{{base}}', () => escapeAttribute(`${publicPath ?? prefix}/`))
      .replace('{{api}}', () => escapeAttribute(apiBase))
    return new Response(request.method === 'HEAD' ? null : page, {
      headers: { ...safety(policy), 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
    })
  }
}

function assetAnswer({ bytes, gzipped, type }: PageFile, request: Request, policy: string): Response {
  const isGzip = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '') && gzipped !== undefined
  const body = isGzip ? gzipped : bytes
  return new Response(request.method === 'HEAD' ? null : body, {
    headers: {
      ...safety(policy),
      'content-type': type,
      'content-length': String(body.length),
      // The file's name contains a hash of its content.
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      ...(isGzip && { 'content-encoding': 'gzip' }),
    },
  })
}

function safety(policy: string): Record<string, string> {
  return {
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
  }
}

/** Allows only the dashboard's own files and the API. */
function contentSecurityPolicy(apiOrigin: string | undefined): string {
  return [
    "default-src 'self'",
    `connect-src 'self'${apiOrigin === undefined ? '' : ` ${apiOrigin}`}`,
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
