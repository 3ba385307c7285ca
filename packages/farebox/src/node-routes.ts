import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Farebox } from './farebox.ts'
import { isApiPath } from './http/api-path.ts'
import { REQUEST_ID } from './http/request-id.ts'
import { resetWhenBroken } from './http/reset-when-broken.ts'
import type { RoutesOptions } from './http/routes.ts'

/**
 * Answers a request of a Node server and resolves to `true`, if its path belongs to the API. `parsed` is the request's body, if a
 * body parser has already read it. Rejects if that body is lost.
 */
export type NodeRoutes = (request: IncomingMessage, response: ServerResponse, parsed?: unknown) => Promise<boolean>

/** Creates the HTTP API for servers that are built on Node's own. */
export function nodeRoutes(box: Farebox, options: RoutesOptions): NodeRoutes {
  // Leave the host's global Request and Response alone. A load balancer's HTTP/1.0 health check sends no Host header, so give a
  // default.
  const listener = getRequestListener(named(box.routes(options)), { overrideGlobalObjects: false, hostname: 'localhost' })
  return async (request, response, parsed) => {
    if (!isApiPath(pathOf(request))) return false
    // A body that a parser has read cannot be read again, so pass it on as `rawBody`, where the listener looks for it.
    if (request.readableEnded && hasBody(request) && !isKept(request))
      Object.assign(request, { rawBody: bytesOf(parsed, request) })
    resetWhenBroken(request, response)
    await listener(request, response)
    return true
  }
}

/** Adopts the request id that a middleware of the host has set. */
function named(handle: (request: Request) => Promise<Response>) {
  return (request: Request, { outgoing }: { outgoing: Pick<ServerResponse, 'getHeader'> }) => {
    const id = outgoing.getHeader(REQUEST_ID)
    if (id !== undefined) request.headers.set(REQUEST_ID, String(id))
    return handle(request)
  }
}

/** The path of a request, whose target may be a whole URL, as in requests to a proxy. */
function pathOf({ url = '/' }: IncomingMessage): string {
  return url.replace(/^https?:\/\/[^/?]*/, '')
}

/** HTTP/2 knows no `transfer-encoding`: there, a body without a declared length shows only by frames that follow the headers. */
function hasBody({ headers, stream }: IncomingMessage & { stream?: { endAfterHeaders?: boolean } }): boolean {
  const { 'content-length': length } = headers
  if (length !== undefined) return Number(length) > 0
  return headers['transfer-encoding'] !== undefined || stream?.endAfterHeaders === false
}

/** Whether the host or its platform has kept the raw body. */
function isKept(request: IncomingMessage & { rawBody?: unknown }): boolean {
  return Buffer.isBuffer(request.rawBody)
}

/**
 * @throws {Error} the body is lost, which the host must fix: an empty body in its place would be another request than the
 * client's
 */
function bytesOf(parsed: unknown, { headers }: IncomingMessage): Buffer {
  if (Buffer.isBuffer(parsed)) return parsed
  // A file that was read as text has lost bytes, and one that was parsed has lost its form.
  if (
    parsed === undefined ||
    /^(multipart|audio|image|video)\/|^application\/octet-stream/i.test(headers['content-type'] ?? '')
  ) {
    throw new Error('a middleware before fareboxRoutes has read the body and not handed it on: mount fareboxRoutes before it')
  }
  return Buffer.from(typeof parsed === 'string' ? parsed : JSON.stringify(parsed))
}
