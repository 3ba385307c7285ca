import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'

/** How long a client may take, in milliseconds. */
export interface Patience {
  /** To send the headers of a request. */
  headersMs: number
  /** To send a whole request: a long recording over a slow line. */
  requestMs: number
  /** Between two requests. Longer than proxies keep a connection, or one might send its next request as the server closes it. */
  idleMs: number
  /** Without taking anything of an answer that waits for it. Long, as a player or a download may be paused. */
  untakenMs: number
  /** How often to check connections for these limits. */
  checkEveryMs: number
}

const patience: Patience = { headersMs: 10_000, requestMs: 180_000, idleMs: 65_000, untakenMs: 300_000, checkEveryMs: 5_000 }

/** The most connections that wait to be accepted, by Node's default. */
const BACKLOG = 511
/** The longest time to accept them, if turns of the event loop are slow. */
const TAKING_MS = 500
/** How often a closing server closes connections without a pending request. */
const IDLE_MS = 250

/** The most pending requests of one connection: a client that pipelines requests and reads no answers would fill the memory. */
const AHEAD_MAX = 64

export type GatewayServer = ReturnType<typeof createAdaptorServer>

/**
 * Accepts the connections that wait in the backlog, because closing the listener would reset them. One turn of the event loop may
 * accept only one of them.
 */
export async function takeWaiting(): Promise<void> {
  const until = performance.now() + TAKING_MS
  for (let turn = 0; turn < BACKLOG && performance.now() < until; turn++) await nextTurn()
}

/**
 * Stops accepting connections. Each later answer is the last on its connection. Connections without a pending request close a
 * moment later rather than at once, because a request may be on its way. Resolves when all connections have ended.
 */
export async function closeGently(server: GatewayServer): Promise<void> {
  // The `close` of an HTTP server would close idle connections at once.
  const closed = new Promise((resolve) => Server.prototype.close.call(server, resolve))
  const closing = setInterval(async () => {
    // A turn of the event loop reads the requests that have arrived meanwhile.
    await nextTurn()
    if ('closeIdleConnections' in server) server.closeIdleConnections()
  }, IDLE_MS)
  await closed
  clearInterval(closing)
}

/** Creates a server that a client cannot tie up by sending slowly, by sending endless headers, or by reading no answers. */
export function gatewayServer(
  fetch: (request: Request) => Response | Promise<Response>,
  { headersMs, requestMs, idleMs, untakenMs, checkEveryMs }: Patience = patience,
): GatewayServer {
  const server = createAdaptorServer({
    // For requests without a `Host` header, such as a load balancer's health check in HTTP/1.0.
    hostname: 'localhost',
    fetch: async (request) => {
      const response = await fetch(request)
      // Tell the client, or it may send its next request while the connection closes.
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
  const waiting = refuseAhead(server)
  if (server instanceof HttpServer) {
    server.setTimeout(untakenMs, (socket: Socket) => {
      const isOurTurn = (waiting.get(socket) ?? 0) > 0 && socket.writableLength === 0
      // A provider may take longer, and a phone call lasts for hours.
      if (isOurTurn) socket.setTimeout(untakenMs)
      else socket.destroy()
    })
  }
  return server
}

/**
 * Answers requests with a 429, in their turn, while their connection has too many pending ones. Returns how many others each
 * connection has pending.
 */
function refuseAhead(server: GatewayServer): WeakMap<Socket, number> {
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
    resetWhenBroken(request, response)
    waiting.set(socket, ahead + 1)
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1))
    for (const listener of listeners) listener.call(server, request, response)
  })
  return waiting
}

/** In HTTP/1.0 a body ends where its connection does, so only a reset tells a client, or a proxy between, that it broke off. */
function resetWhenBroken({ httpVersion, socket }: IncomingMessage, response: ServerResponse): void {
  if (httpVersion !== '1.0') return
  const { destroy } = response
  response.destroy = (error) => {
    if (error) socket.resetAndDestroy()
    return destroy.call(response, error)
  }
}
