import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Makes an answer over HTTP/1.0 that breaks off end with a reset. Its body ends where its connection does, so that a proxy, such as
 * nginx by default, would take a plain end for the end of the whole.
 */
export function resetWhenBroken({ httpVersion }: IncomingMessage, response: ServerResponse): void {
  if (httpVersion !== '1.0') return
  const { destroy } = response
  response.destroy = (error) => {
    try {
      if (error) response.socket?.resetAndDestroy()
    } catch {
      // Only TCP knows a reset.
    }
    return destroy.call(response, error)
  }
}
