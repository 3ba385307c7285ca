import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { createPatientServer } from '../support/patient-server.ts'
import { answerWithFault, breakStream, type Fault, type OrderedFault, type PendingFault, partsBefore } from './faults.ts'
import type { InvoiceLine } from './invoice.ts'

/** One request as it arrived. */
export interface SeenRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  /** Parsed JSON, or the text fields of a form. */
  body: Record<string, unknown>
  /** A body that is neither, such as sound. */
  bytes: Uint8Array
  /** The file of a form. */
  file?: { name: string; mediaType: string; data: Uint8Array }
  /**
   * Resolves when the caller hung up before the answer was whole: `true`, or had it all: `false`. A websocket's caller had it all when it
   * said goodbye.
   */
  abandoned: Promise<boolean>
}

/** One request, and the means to answer it. */
export interface Exchange {
  request: SeenRequest
  response: ServerResponse
  /** The fault that was ordered for it and strikes inside the answer. */
  fault: PendingFault | undefined
  /** The id of this request, unlike that of any other. */
  requestId: string
  json(status: number, body: unknown, headers?: Record<string, string>): void
  /**
   * Sends the parts of an answer one by one, and breaks off where the fault says.
   *
   * @returns whether all of them were sent, and nobody hung up
   */
  stream(parts: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>, options: StreamOptions): Promise<boolean>
  /** Writes a line of the invoice, to be called broken if the answer turns out so. The work may end after the answer. */
  bill(line: Omit<InvoiceLine, 'requestId' | 'outcome' | 'path'> & Partial<Pick<InvoiceLine, 'path' | 'requestId'>>): InvoiceLine
}

export interface StreamOptions {
  mediaType: string
  headers?: Record<string, string>
  /** How this provider words an error inside its stream. */
  errorEvent?: (error: Record<string, unknown>) => string
}

/** A websocket that was opened, and the fault that is to strike it. */
export interface SocketExchange {
  request: SeenRequest
  socket: WebSocket
  fault: PendingFault | undefined
  requestId: string
  /** Sends a message, unless the fault has struck or strikes now. Objects are sent as JSON. @returns whether it was sent */
  send(message: object | string | Uint8Array): Promise<boolean>
  /** Writes a line of the invoice, which is broken until {@link SocketExchange.end}. */
  bill: Exchange['bill']
  /** Closes the conversation: all was said, so what was billed is served. */
  end(): void
}

export interface LoopbackOptions {
  /** In front of every path, and not part of it: `/v1`. @defaultValue nothing */
  prefix?: string
  /** The header that carries the id of a request. @defaultValue `x-request-id` */
  requestIdHeader?: string
  /** Answers a request. What it throws destroys the connection. */
  serve(exchange: Exchange): Promise<void> | void
  /** Does what a request asks without answering, for a fault that loses the answer alone. @defaultValue no such fault can be ordered */
  work?(exchange: Exchange): Promise<void> | void
  /** Whether a websocket may be opened: a status refuses it. @defaultValue every one may */
  admit?(request: SeenRequest): number | undefined
  /** Headers of the answer to an upgrade. */
  upgradeHeaders?(requestId: string): string[]
  /** Holds a conversation over a websocket. @defaultValue there are none */
  connect?(exchange: SocketExchange): Promise<void> | void
}

/** Which requests a fault strikes: the next, or the next `times`, of a path and a method or of any. */
export interface FaultPlace {
  path?: string
  method?: string
  times?: number
  /** Whether the provider does what it is asked all the same, so that only its answer is lost. @defaultValue `false` */
  isDone?: boolean
}

/**
 * A server on a free port of 127.0.0.1 that speaks a provider's protocol over HTTP and websockets, keeps the provider's invoice to compare a
 * ledger with, and fails on order.
 */
export interface Loopback {
  /** Its address with the prefix: `http://127.0.0.1:1234/v1`. */
  readonly url: string
  readonly port: number
  /** What it would bill, a line per request that it began to serve. */
  readonly invoice: readonly InvoiceLine[]
  readonly requests: readonly SeenRequest[]
  /** Orders a fault. */
  fail(fault: Fault, where?: FaultPlace): OrderedFault
  close(): Promise<void>
}

/** The code of a websocket that ended without a goodbye. */
const VANISHED = 1006

/** Starts a loopback. */
export async function startLoopback(options: LoopbackOptions): Promise<Loopback> {
  const { prefix = '', requestIdHeader = 'x-request-id' } = options
  const invoice: InvoiceLine[] = []
  const requests: SeenRequest[] = []
  const faults: PendingFault[] = []
  const releases: (() => void)[] = []
  const sockets = new WebSocketServer({ noServer: true })
  let ordinal = 0

  const server = createPatientServer((incoming, response) => {
    answer(incoming, response).catch(() => response.destroy())
  })
  server.on('upgrade', (incoming, raw, head) => {
    upgrade(incoming, raw, head).catch(() => raw.destroy())
  })

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming, response, prefix)
    requests.push(request)
    const fault = takeFault(faults, request)
    const requestId = nextId()
    const identified = { [requestIdHeader]: requestId }
    const isWhole = new Promise<boolean>((resolve) => {
      response.once('close', () => resolve(response.writableFinished && !fault?.hasBroken))
    })
    const exchange: Exchange = {
      request,
      response,
      fault,
      requestId,
      json: (status, body, headers = {}) => {
        response.writeHead(status, { 'content-type': 'application/json', ...identified, ...headers }).end(JSON.stringify(body))
      },
      stream: (parts, { headers, ...rest }) =>
        streamParts(response, parts, fault, { ...rest, headers: { ...identified, ...headers } }),
      bill: biller(request, requestId, isWhole),
    }
    if (fault?.isDone) {
      if (!options.work) throw new Error('this loopback does no work without answering')
      await options.work(exchange)
    }
    if (fault && (await answerWithFault(response, fault))) return
    await options.serve(exchange)
  }

  async function upgrade(incoming: IncomingMessage, raw: Duplex, head: Buffer): Promise<void> {
    raw.on('error', () => raw.destroy())
    const request = await readRequest(incoming, raw, prefix)
    requests.push(request)
    const fault = takeFault(faults, request)
    if (fault && (await refuseWithFault(raw, fault))) return
    const refused = options.connect ? options.admit?.(request) : 404
    if (refused !== undefined) return refuse(raw, refused)
    const requestId = nextId()
    const headers = options.upgradeHeaders?.(requestId) ?? []
    const addHeaders = (lines: string[]) => lines.push(...headers)
    sockets.once('headers', addHeaders)
    sockets.handleUpgrade(incoming, raw, head, (socket) => {
      sockets.off('headers', addHeaders)
      const before = partsBefore(fault)
      const lines: InvoiceLine[] = []
      let sent = 0
      // The raw socket ends alike for a goodbye and for a caller that is gone; only the close code tells them apart.
      const isVanished = new Promise<boolean>((resolve) => socket.once('close', (code) => resolve(code === VANISHED)))
      request.abandoned = isVanished
      const exchange: SocketExchange = {
        request,
        socket,
        fault,
        requestId,
        async send(message) {
          if (fault && sent >= before) {
            await breakSocket(socket, fault)
            return false
          }
          if (socket.readyState !== socket.OPEN) return false
          sent += 1
          socket.send(typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message))
          return true
        },
        bill(given) {
          const line = write(request, requestId, given)
          lines.push(line)
          return line
        },
        end() {
          for (const line of lines) line.outcome = 'served'
          socket.close(1000)
        },
      }
      Promise.resolve(options.connect?.(exchange)).catch(() => socket.terminate())
    })
  }

  function nextId(): string {
    ordinal += 1
    return `req_loopback_${ordinal}`
  }

  function write(request: SeenRequest, requestId: string, given: Parameters<Exchange['bill']>[0]): InvoiceLine {
    const line: InvoiceLine = { path: request.path, requestId, ...given, outcome: 'broken' }
    invoice.push(line)
    return line
  }

  function biller(request: SeenRequest, requestId: string, isWhole: Promise<boolean>): Exchange['bill'] {
    return (given) => {
      const line = write(request, requestId, given)
      isWhole.then((whole) => {
        if (whole) line.outcome = 'served'
      })
      return line
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    port,
    invoice,
    requests,
    fail: (fault, where = {}) => order(faults, releases, fault, where),
    async close() {
      for (const release of releases) release()
      for (const socket of sockets.clients) socket.terminate()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

/** An event of a stream of server-sent events. */
export function serverSentEvent(data: unknown, name?: string): string {
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`
}

async function readRequest(incoming: IncomingMessage, outgoing: ServerResponse | Duplex, prefix: string): Promise<SeenRequest> {
  const abandoned = new Promise<boolean>((resolve) => outgoing.once('close', () => resolve(!outgoing.writableFinished)))
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]))
  const url = new URL(incoming.url ?? '', 'http://127.0.0.1')
  const chunks: Buffer[] = []
  if (headers.upgrade === undefined) for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const request: SeenRequest = {
    method: incoming.method ?? '',
    path: url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : url.pathname,
    query: url.searchParams,
    headers,
    body: {},
    bytes: new Uint8Array(bytes),
    abandoned,
  }
  const type = headers['content-type'] ?? ''
  if (type.startsWith('multipart/form-data')) {
    const form = await new Request('http://127.0.0.1/', {
      method: 'POST',
      headers: { 'content-type': type },
      body: bytes,
    }).formData()
    for (const [name, value] of form) {
      if (typeof value !== 'string') {
        if (name === 'file')
          request.file = { name: value.name, mediaType: value.type, data: new Uint8Array(await value.arrayBuffer()) }
        continue
      }
      const values = form.getAll(name)
      request.body[name] = values.length > 1 ? values : value
    }
  } else if (type.startsWith('application/x-www-form-urlencoded')) {
    const form = new URLSearchParams(bytes.toString('utf8'))
    for (const name of new Set(form.keys())) {
      const values = form.getAll(name)
      request.body[name] = values.length > 1 ? values : values[0]
    }
  } else if (type.includes('json') && bytes.length > 0) {
    request.body = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
  }
  return request
}

async function streamParts(
  response: ServerResponse,
  parts: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  pending: PendingFault | undefined,
  { mediaType, headers, errorEvent = (error) => serverSentEvent({ error }) }: StreamOptions,
): Promise<boolean> {
  response.writeHead(200, { 'content-type': mediaType, ...headers })
  const before = partsBefore(pending)
  let sent = 0
  for await (const part of parts) {
    if (response.destroyed) return false
    if (pending && sent >= before && (await breakStream(response, pending, errorEvent))) return false
    await new Promise((resolve) => response.write(part, resolve))
    sent += 1
  }
  if (pending && before !== Number.POSITIVE_INFINITY && (await breakStream(response, pending, errorEvent))) return false
  response.end()
  return !response.destroyed
}

/** Refuses a websocket in the fault's way. `false`: this fault strikes later. */
async function refuseWithFault(raw: Duplex, pending: PendingFault): Promise<boolean> {
  const { fault } = pending
  switch (fault.type) {
    case 'status':
      pending.strike()
      refuse(raw, fault.status, fault.headers, fault.body)
      return true
    case 'html':
      pending.strike()
      refuse(raw, 502)
      return true
    case 'destroy':
      pending.strike()
      raw.destroy()
      return true
    case 'silence':
      pending.strike()
      await pending.released
      raw.destroy()
      return true
    default:
      return false
  }
}

function refuse(raw: Duplex, status: number, headers: Record<string, string> = {}, body: unknown = ''): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(text)), connection: 'close' })
  raw.end(`HTTP/1.1 ${status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`)
}

/** Breaks a websocket off in the fault's way. Later messages are not sent either. */
async function breakSocket(socket: WebSocket, pending: PendingFault): Promise<void> {
  const { fault } = pending
  pending.hasBroken = true
  pending.strike()
  switch (fault.type) {
    case 'close':
      socket.close(fault.code, fault.reason)
      return
    case 'cut':
      socket.close(1000)
      return
    case 'reset':
      socket.terminate()
      return
    case 'event_error':
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(fault.error))
      socket.close(1011)
      return
    case 'stall':
      await pending.released
      socket.terminate()
      return
  }
}

function order(
  faults: PendingFault[],
  releases: (() => void)[],
  fault: Fault,
  { path, method, times = 1, isDone = false }: FaultPlace,
): OrderedFault {
  const { promise: struck, resolve: strike } = Promise.withResolvers<void>()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  faults.push({ fault, path, method, isDone, left: times, hasBroken: false, strike, released })
  releases.push(release)
  return { struck, release }
}

function takeFault(faults: PendingFault[], request: SeenRequest): PendingFault | undefined {
  const index = faults.findIndex(
    ({ path = request.path, method = request.method }) => path === request.path && method === request.method,
  )
  const fault = faults[index]
  if (!fault) return undefined
  fault.left -= 1
  if (fault.left <= 0) faults.splice(index, 1)
  return fault
}
