import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'

/** How long a client may take, in milliseconds. */
export interface Patience {
  /** For the headers of a request. */
  headersMs: number
  /** For a whole request: a long recording over a slow line. */
  requestMs: number
  /** Between two requests: longer than proxies keep a connection, which would else send the next one into its end. */
  idleMs: number
  /** How often connections are looked at. */
  checkEveryMs: number
}

const patience: Patience = { headersMs: 10_000, requestMs: 180_000, idleMs: 65_000, checkEveryMs: 5_000 }

/** Connections that wait to be taken at most, by Node's default. */
const BACKLOG = 511
/** How long they are taken at most, where turns are long. */
const TAKING_MS = 500
/** How often connections without a request under way are let go while a server closes. */
const IDLE_MS = 250

/** Requests of one connection that may wait for their answers: a client who sends them ahead and reads nothing fills memory with answers. */
const AHEAD_MAX = 64

export type GatewayServer = ReturnType<typeof createAdaptorServer>

/** Takes those who have connected and wait, whom a listener that closes resets. A turn of the event loop may take one of them alone. */
export async function takeWaiting(): Promise<void> {
  const until = performance.now() + TAKING_MS
  for (let turn = 0; turn < BACKLOG && performance.now() < until; turn++) await nextTurn()
}

/**
 * Takes no more connections. Each answer is the last of its connection from then on, and connections without a request under way are
 * closed a moment later: one that is closed at once may have a request on its way. Resolves when all have ended.
 */
export async function closeGently(server: GatewayServer): Promise<void> {
  // Not HTTP's own `close`, which closes such connections at once.
  const closed = new Promise((resolve) => Server.prototype.close.call(server, resolve))
  const closing = setInterval(async () => {
    // After a round of the event loop, what has arrived meanwhile has been read.
    await nextTurn()
    if ('closeIdleConnections' in server) server.closeIdleConnections()
  }, IDLE_MS)
  await closed
  clearInterval(closing)
}

/** A server that nobody can keep busy by sending slowly, or by sending headers without an end. */
export function gatewayServer(
  fetch: (request: Request) => Response | Promise<Response>,
  { headersMs, requestMs, idleMs, checkEveryMs }: Patience = patience,
): GatewayServer {
  const server = createAdaptorServer({
    // For whoever names no host, as a load balancer may that asks by HTTP/1.0 whether we are well.
    hostname: 'localhost',
    fetch: async (request) => {
      const response = await fetch(request)
      // Whoever is not told sends the next request into the end of the connection.
      if (!server.listening) response.headers.set('connection', 'close')
      return response
    },
    serverOptions: {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: checkEveryMs,
      maxHeaderSize: 16_384,
    },
  })
  refuseAhead(server)
  return server
}

/** Answers what a connection sends ahead of too many answers with a 429, in its turn. */
function refuseAhead(server: GatewayServer): void {
  const waiting = new WeakMap<Socket, number>()
  const listeners = server.listeners('request')
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const ahead = waiting.get(socket) ?? 0
    if (ahead >= AHEAD_MAX) {
      response.writeHead(429, { 'retry-after': '1', 'content-length': '0' }).end()
      return
    }
    waiting.set(socket, ahead + 1)
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1))
    for (const listener of listeners) listener.call(server, request, response)
  })
}
