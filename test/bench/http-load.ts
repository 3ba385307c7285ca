import autocannon from 'autocannon'

/** Requests that are sent over and over, each connection waiting for its answer. */
export interface HttpLoad {
  url: string
  body: string
  headers?: Record<string, string>
  connections: number
  seconds: number
}

/**
 * Loads a server and resolves with how many requests it has answered, all of them well.
 *
 * @throws {Error} one was not answered with 2xx, or broke off
 */
export async function load({ url, body, headers, connections, seconds }: HttpLoad): Promise<{ requests: number; p50Ms: number }> {
  const result = await autocannon({
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    connections,
    duration: seconds,
  })
  if (result.errors > 0 || result.non2xx > 0) throw new Error(`${url}: ${result.errors} errors, ${result.non2xx} answers not 2xx`)
  return { requests: result['2xx'], p50Ms: result.latency.p50 }
}

/**
 * Keeps this process from sleeping while it waits for answers. A server that answers a sleeping client pays for waking it, and the
 * slower one of two servers finds it asleep more often.
 *
 * @returns lets it sleep again
 */
export function stayAwake(): () => void {
  let next = setImmediate(function turn() {
    next = setImmediate(turn)
  })
  return () => clearImmediate(next)
}
