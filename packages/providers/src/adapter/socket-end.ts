import { ProviderError, type ProviderErrorFacts } from '@farebox/core'

/** The part of a websocket needed to end it, whether from the package `ws` or the platform. */
export interface EndableSocket {
  close(code?: number): void
  /** Drops the connection without a close handshake. Only `ws` has it. */
  terminate?(): void
  addEventListener(type: 'close', listener: () => void): void
}

/** Drops a websocket at once, where possible without a close handshake that the provider might never answer. */
export function cutSocket(socket: EndableSocket): void {
  if (socket.terminate) socket.terminate()
  else socket.close()
}

const GOODBYE_MS = 1_000

/** Closes a websocket, and drops it after a second without a reply. `ws` would keep the process alive for half a minute. */
export function closeSocket(socket: EndableSocket): void {
  socket.close(1000)
  const timer = setTimeout(() => cutSocket(socket), GOODBYE_MS)
  socket.addEventListener('close', () => clearTimeout(timer))
}

/** The state of an answer when its websocket closed. */
export interface ClosedSocketFacts extends Pick<ProviderErrorFacts, 'usage' | 'requestId'> {
  /** What the websocket should have delivered: `the speech`. */
  what: string
  /** The close code: 1000 is a normal close, 1006 a lost connection. */
  code: number
  /** Whether the caller had already received a part of the answer. */
  isAnswering: boolean
}

/** Codes that blame what was sent: data of a wrong kind, or too much of it. */
const BLAMES_DATA: ReadonlySet<number> = new Set([1007, 1009])

/** The error for a websocket that closed early. It is `incomplete` once the caller has received a part, unless the code blames us. */
export function closedSocketError(provider: string, { what, code, isAnswering, ...facts }: ClosedSocketFacts): ProviderError {
  const kind = BLAMES_DATA.has(code)
    ? 'invalid_request'
    : isAnswering || code === 1000
      ? 'incomplete'
      : code === 1006
        ? 'network'
        : 'unavailable'
  const message = `${provider} closed the connection (${code}) without finishing ${what}`
  return new ProviderError(message, { provider, kind, ...facts })
}
