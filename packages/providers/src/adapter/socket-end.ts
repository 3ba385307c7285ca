import { ProviderError, type ProviderErrorFacts } from '@farebox/core'

/** The slice of a websocket that ending it needs: one of the package `ws`, or the platform's own. */
export interface EndableSocket {
  close(code?: number): void
  /** Only `ws` can hang up without a goodbye. */
  terminate?(): void
  addEventListener(type: 'close', listener: () => void): void
}

/** Cuts a websocket: the provider sees the end at once, also where nobody would answer a goodbye. */
export function cutSocket(socket: EndableSocket): void {
  if (socket.terminate) socket.terminate()
  else socket.close()
}

const GOODBYE_MS = 1_000

/** Says goodbye, and cuts the websocket where nobody answers: `ws` alone would wait for half a minute, and keep the process up. */
export function closeSocket(socket: EndableSocket): void {
  socket.close(1000)
  const timer = setTimeout(() => cutSocket(socket), GOODBYE_MS)
  socket.addEventListener('close', () => clearTimeout(timer))
}

/** Where a websocket was when it closed. */
export interface ClosedSocketFacts extends Pick<ProviderErrorFacts, 'usage' | 'requestId'> {
  /** What it was to bring: `the speech`. */
  what: string
  /** The code that it closed with: 1000 is a goodbye, 1006 none. */
  code: number
  /** Whether a part of the answer had already been handed out. */
  isAnswering: boolean
}

/** A websocket closed before its answer was whole. Once a part was handed out that is `incomplete`, however it closed. */
export function closedSocketError(provider: string, { what, code, isAnswering, ...facts }: ClosedSocketFacts): ProviderError {
  const kind = isAnswering || code === 1000 ? 'incomplete' : code === 1006 ? 'network' : 'unavailable'
  const message = `${provider} closed the connection (${code}) without finishing ${what}`
  return new ProviderError(message, { provider, kind, ...facts })
}
