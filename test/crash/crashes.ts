import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresServer } from '../support/postgres-server.ts'

/** Any time within the load of a round. */
function aWhile(): Promise<void> {
  return sleep(Math.random() * 400)
}

/** Kills each app process at a time of its own. */
export async function killApps(processes: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    processes.map(async (process) => {
      await aWhile()
      process.kill('SIGKILL')
    }),
  )
}

/** Kills the database server under app processes, and starts it again; they go on for a while when it is back. */
export function killServer(server: PostgresServer): () => Promise<void> {
  return async () => {
    await aWhile()
    await server.kill('SIGKILL')
    await server.restart()
    await sleep(300)
  }
}
