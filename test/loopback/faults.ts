import type { ServerResponse } from 'node:http'

/** What goes wrong with an answer of the loopback. */
export type Fault =
  /** An answer with this status. A body that is no text is sent as JSON. */
  | { type: 'status'; status: number; body?: unknown; headers?: Record<string, string> }
  /** A proxy in front of the provider answers with a page. */
  | { type: 'html' }
  /** The request is read and never answered. */
  | { type: 'silence' }
  /** Headers are sent, and no body after them. */
  | { type: 'headers_then_hang' }
  /** The socket is cut before anything was sent. */
  | { type: 'destroy' }
  /** A success whose body is broken JSON. */
  | { type: 'garbage' }
  /** A success that does not say what it cost. */
  | { type: 'no_usage' }
  /** After this many events or chunks the connection is closed as if all were well. */
  | { type: 'cut'; after: number }
  /** After this many events or chunks the socket is reset. */
  | { type: 'reset'; after: number }
  /** After this many events or chunks nothing more comes. */
  | { type: 'stall'; after: number }
  /** After this many events an error comes inside the stream, as the provider words it. */
  | { type: 'event_error'; after: number; error: Record<string, unknown> }
  /** After this many messages the websocket is closed with this code, such as 1011. */
  | { type: 'close'; after: number; code: number; reason?: string }

/** A fault that was ordered. */
export interface OrderedFault {
  /** Resolves when the fault has struck: for one that hangs, when the caller is kept waiting. */
  readonly struck: Promise<void>
  /** Lets an answer that hangs end. */
  release(): void
}

/** One use of a fault, on its way from the test that orders it to the request that it strikes. */
export interface PendingFault {
  fault: Fault
  path: string | undefined
  method: string | undefined
  /** Whether the provider does what it was asked, and only its answer is lost. */
  isDone: boolean
  left: number
  /** Whether it broke an answer off. */
  hasBroken: boolean
  strike(): void
  released: Promise<void>
}

/** Answers in the fault's way instead of the good one. `false`: this fault strikes later, inside the answer. */
export async function answerWithFault(response: ServerResponse, pending: PendingFault): Promise<boolean> {
  const { fault } = pending
  switch (fault.type) {
    case 'status':
      return reply(response, pending, fault.status, fault.body ?? '', fault.headers)
    case 'html':
      return reply(response, pending, 502, '<html><body><h1>502 Bad Gateway</h1></body></html>', { 'content-type': 'text/html' })
    case 'garbage':
      return reply(response, pending, 200, '{"choices": [', { 'content-type': 'application/json' })
    case 'destroy':
      pending.strike()
      response.destroy()
      return true
    case 'silence':
      pending.strike()
      await pending.released
      response.destroy()
      return true
    case 'headers_then_hang':
      response.writeHead(200, { 'content-type': 'application/json' })
      response.flushHeaders()
      pending.strike()
      await pending.released
      response.destroy()
      return true
    default:
      return false
  }
}

/** After how many parts of a stream a fault strikes; infinite for one that has no part in streams. */
export function partsBefore(pending: PendingFault | undefined): number {
  return pending && 'after' in pending.fault ? pending.fault.after : Number.POSITIVE_INFINITY
}

/** Ends an answer within its events or chunks. `errorEvent` words an error inside the stream. `false`: this fault has no part in streams. */
export async function breakStream(
  response: ServerResponse,
  pending: PendingFault,
  errorEvent: (error: Record<string, unknown>) => string,
): Promise<boolean> {
  const { fault } = pending
  pending.strike()
  pending.hasBroken = fault.type === 'cut' || fault.type === 'reset' || fault.type === 'stall' || fault.type === 'event_error'
  switch (fault.type) {
    case 'cut':
      response.end()
      return true
    case 'reset':
      await flushed(response)
      response.socket?.resetAndDestroy()
      return true
    case 'stall':
      await pending.released
      response.destroy()
      return true
    case 'event_error':
      response.end(errorEvent(fault.error))
      return true
    default:
      return false
  }
}

function reply(
  response: ServerResponse,
  pending: PendingFault,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  pending.strike()
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const type = typeof body === 'string' ? 'text/plain' : 'application/json'
  response.writeHead(status, { 'content-type': type, 'x-request-id': 'req_fault', ...headers }).end(text)
  return true
}

/** Waits until what was written is with the operating system, so that a reset follows it instead of swallowing it. */
function flushed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const check = () => (response.writableLength === 0 ? setTimeout(resolve, 10) : setImmediate(check))
    check()
  })
}
