import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Farebox } from './farebox.ts'
import { isApiPath } from './http/api-path.ts'
import { REQUEST_ID } from './http/request-id.ts'
import type { RoutesOptions } from './http/routes.ts'

/** Answers a request of Node's server, if its path is one of the API's. `parsed`: its body, if a parser has read it already. Rejects where that is lost. */
export type NodeRoutes = (request: IncomingMessage, response: ServerResponse, parsed?: unknown) => Promise<boolean>

/** The HTTP API for servers that are built on Node's own. */
export function nodeRoutes(box: Farebox, options: RoutesOptions): NodeRoutes {
  // The host's global Request and Response stay as they are. A load balancer that asks by HTTP/1.0 whether we are well names no host.
  const listener = getRequestListener(named(box.routes(options)), { overrideGlobalObjects: false, hostname: 'localhost' })
  return async (request, response, parsed) => {
    if (!isApiPath(pathOf(request))) return false
    // What a body parser has read cannot be read again: it is handed on under the name that the listener looks for.
    if (request.readableEnded && hasBody(request) && !isKept(request))
      Object.assign(request, { rawBody: bytesOf(parsed, request) })
    await listener(request, response)
    return true
  }
}

/** What a middleware of the host has called a request is its id here too. */
function named(handle: (request: Request) => Promise<Response>) {
  return (request: Request, { outgoing }: { outgoing: Pick<ServerResponse, 'getHeader'> }) => {
    const id = outgoing.getHeader(REQUEST_ID)
    if (id !== undefined) request.headers.set(REQUEST_ID, String(id))
    return handle(request)
  }
}

/** What is asked for may be a whole URL, as proxies are sent it. */
function pathOf({ url = '/' }: IncomingMessage): string {
  return url.replace(/^https?:\/\/[^/?]*/, '')
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Whether the host, or the platform that it runs on, keeps the body as it came. */
function isKept(request: IncomingMessage & { rawBody?: unknown }): boolean {
  return Buffer.isBuffer(request.rawBody)
}

/** @throws the body is lost, which is the host's to mend: taken for an empty one, it would be answered as what nobody asked */
function bytesOf(parsed: unknown, { headers }: IncomingMessage): Buffer {
  if (Buffer.isBuffer(parsed)) return parsed
  if (typeof parsed === 'string') return Buffer.from(parsed)
  if (parsed === undefined || /^multipart\//i.test(headers['content-type'] ?? '')) {
    throw new Error('a middleware before fareboxRoutes has read the body and not handed it on: mount fareboxRoutes before it')
  }
  return Buffer.from(JSON.stringify(parsed))
}
