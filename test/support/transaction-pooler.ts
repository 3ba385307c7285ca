import { createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'

export interface TransactionPooler {
  /** The database that it was started for, by way of it. */
  url: string
  /** Transactions that it has passed on so far. */
  readonly transactions: number
  stop(): Promise<void>
}

const SERVERS = 3
const SYNC = 'S'.charCodeAt(0)
const SIMPLE_QUERY = 'Q'.charCodeAt(0)
const TERMINATE = 'X'.charCodeAt(0)
const READY_FOR_QUERY = 'Z'.charCodeAt(0)
const IDLE = 'I'.charCodeAt(0)

/**
 * A pooler in transaction mode, with the least that one needs: every transaction of a client goes to the next of three server
 * connections, so that whatever a client leaves in one (settings, prepared statements, locks) is not there for its next.
 */
export async function startTransactionPooler(databaseUrl: string): Promise<TransactionPooler> {
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => openServer(databaseUrl)))
  const idle = servers.map(({ socket }) => socket)
  const waiting: ((server: Socket) => void)[] = []
  const clients = new Set<Socket>()
  let transactions = 0
  const take = () => new Promise<Socket>((resolve) => (idle.length > 0 ? resolve(idle.shift() as Socket) : waiting.push(resolve)))
  const giveBack = (server: Socket) => {
    const next = waiting.shift()
    if (next) next(server)
    else idle.push(server)
  }

  const listener = createServer((client) => {
    clients.add(client)
    client.on('error', () => undefined)
    client.on('close', () => clients.delete(client))
    serve(client, take, (server) => {
      transactions++
      giveBack(server)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.port = String(portOf(listener))
  return {
    url: url.href,
    get transactions() {
      return transactions
    },
    async stop() {
      for (const client of clients) client.destroy()
      await new Promise((resolve) => listener.close(resolve))
      await Promise.all(servers.map(({ close }) => close()))
    },
  }
}

/** Passes what one client says to a server from the first word of a transaction until the server is ready and in none. */
function serve(client: Socket, take: () => Promise<Socket>, done: (server: Socket) => void): void {
  let server: Promise<Socket> | undefined
  let unanswered = 0
  let isStarted = false

  const fromServer = (socket: Socket) =>
    frames((frame) => {
      client.write(frame)
      if (frame[0] !== READY_FOR_QUERY) return
      unanswered--
      if (frame[5] !== IDLE || unanswered > 0) return
      socket.removeAllListeners('data')
      server = undefined
      done(socket)
    })
  const pass = async (frame: Buffer) => {
    if (frame[0] === SYNC || frame[0] === SIMPLE_QUERY) unanswered++
    server ??= take().then((socket) => {
      socket.on('data', fromServer(socket))
      return socket
    })
    ;(await server).write(frame)
  }

  const fromClient = frames((frame) => {
    if (frame[0] === TERMINATE) client.end()
    else void pass(frame)
  })
  client.on('data', (bytes) => {
    if (isStarted) return fromClient(bytes)
    isStarted = true
    client.write(GREETING)
  })
}

/** Lets everybody in, names a process that no server has, and is ready. */
const GREETING = Buffer.concat([
  message('R', [0, 0, 0, 0]),
  message('K', [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]),
  message('Z', [IDLE]),
])

function message(kind: string, body: readonly number[]): Buffer {
  const head = Buffer.alloc(5)
  head.write(kind)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, Buffer.from(body)])
}

/** Cuts a stream of bytes into messages: a kind, a length that counts itself, and the rest. */
function frames(each: (frame: Buffer) => void): (bytes: Buffer | string) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    rest = Buffer.concat([rest, Buffer.from(bytes as Buffer)])
    while (rest.length >= 5) {
      const length = rest.readInt32BE(1) + 1
      if (rest.length < length) return
      const frame = rest.subarray(0, length)
      rest = rest.subarray(length)
      each(frame)
    }
  }
}

/** A connection that `pg` has logged in, to be spoken through by hand. */
async function openServer(databaseUrl: string): Promise<{ socket: Socket; close(): Promise<void> }> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { stream: socket } = (client as unknown as { connection: { stream: Socket } }).connection
  socket.removeAllListeners('data')
  client.on('error', () => undefined)
  return {
    socket,
    close: () =>
      new Promise((resolve) => {
        socket.once('close', () => resolve())
        socket.end(message('X', []))
      }),
  }
}

function portOf(listener: Server): number {
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('not listening')
  return address.port
}
