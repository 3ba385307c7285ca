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

export type GatewayServer = ReturnType<typeof createAdaptorServer>

/** A server that nobody can keep busy by sending slowly, or by sending headers without an end. */
export function gatewayServer(
  fetch: (request: Request) => Response | Promise<Response>,
  { headersMs, requestMs, idleMs, checkEveryMs }: Patience = patience,
): GatewayServer {
  const server = createAdaptorServer({
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
  return server
}
