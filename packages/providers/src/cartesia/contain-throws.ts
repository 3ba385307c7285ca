import type { WebSocket } from 'ws'

/**
 * Turns what the SDK throws while it reads a message into a failure of the connection. Otherwise `null`, or an audio chunk
 * without data, would end the process. Call it once the SDK listens and before any message can arrive.
 */
export function containThrows(socket: Pick<WebSocket, 'listeners' | 'off' | 'on'>, fail: (error: unknown) => void): void {
  for (const listener of socket.listeners('message')) {
    const read = listener as (this: unknown, ...message: unknown[]) => void
    socket.off('message', read)
    socket.on('message', (...message) => {
      try {
        read.apply(socket, message)
      } catch {
        // The error itself describes the SDK's internals, and its code looks like a network code.
        fail(new SyntaxError('a message of the websocket was not understood'))
      }
    })
  }
}
