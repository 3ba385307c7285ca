import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Farebox } from './farebox.ts'
import { isApiPath } from './http/api-path.ts'
import type { RoutesOptions } from './http/routes.ts'

/** Answers a request of Node's server, if its path is one of the API's. `parsed`: its body, if a parser has read it already. */
export type NodeRoutes = (request: IncomingMessage, response: ServerResponse, parsed?: unknown) => Promise<boolean>

/** The HTTP API for servers that are built on Node's own. */
export function nodeRoutes(box: Farebox, options: RoutesOptions): NodeRoutes {
  // The host's global Request and Response stay as they are.
  const listener = getRequestListener(box.routes(options), { overrideGlobalObjects: false })
  return async (request, response, parsed) => {
    if (!isApiPath(request.url ?? '/')) return false
    // What a body parser has read cannot be read again: it is handed on under the name that the listener looks for.
    if (parsed !== undefined && request.readableEnded) Object.assign(request, { rawBody: bytesOf(parsed) })
    await listener(request, response)
    return true
  }
}

function bytesOf(parsed: unknown): Buffer {
  if (Buffer.isBuffer(parsed)) return parsed
  return Buffer.from(typeof parsed === 'string' ? parsed : JSON.stringify(parsed))
}
