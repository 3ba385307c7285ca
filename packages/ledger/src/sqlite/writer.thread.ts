import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '@farebox/core'
import { SqliteConnection } from './connection.ts'
import { packError } from './errors-across-threads.ts'
import type { FromWriter, ToWriter, WriterOptions } from './writer-thread.ts'

/** Runs in the thread that {@link WriterThread} starts: commits the batches it is sent, in order, on a connection of its own. */
const options = workerData as WriterOptions
let now: number | undefined
const connection = new SqliteConnection({ ...options, clock: () => now ?? systemClock() })
let work = connection.open().then(() => send({ ready: true }))

parentPort?.on('message', (message: ToWriter) => {
  work = work.then(() => obey(message))
})

async function obey(message: ToWriter): Promise<void> {
  if (message.close) {
    await connection.close()
    parentPort?.close()
    return
  }
  now = message.now
  try {
    const written = await connection.commit(message.operations)
    connection.flushNow()
    send({ id: message.id, ...written })
  } catch (error) {
    send({ id: message.id, error: packError(error) })
  }
}

function send(message: FromWriter): void {
  parentPort?.postMessage(message)
}
