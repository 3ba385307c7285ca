import type { WebSocket } from 'ws'

/**
 * Makes what the SDK throws while it reads a message a failure of the connection: `null`, or a chunk of sound without any, would end the
 * process. Called when the SDK listens, and before anything can come.
 */
export function containThrows(socket: Pick<WebSocket, 'listeners' | 'off' | 'on'>, fail: (error: unknown) => void): void {
  for (const listener of socket.listeners('message')) {
    const read = listener as (this: unknown, ...message: unknown[]) => void
    socket.off('message', read)
    socket.on('message', (...message) => {
      try {
        read.apply(socket, message)
      } catch {
        // What was thrown tells of the SDK, and has a code that looks like one of the network.
        fail(new SyntaxError('a message of the websocket was not understood'))
      }
    })
  }
}
