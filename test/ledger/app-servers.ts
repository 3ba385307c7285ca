import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const WORKER = fileURLToPath(new URL('./hold-worker.ts', import.meta.url))

/** Where app servers find the ledger: a driver's name, and a file or connection string. */
export type Location = readonly ['sqlite' | 'postgres', string]

interface Report {
  ready?: true
  held?: number
  charged?: string
}

/** Starts processes that each have a ledger of their own on the same database, and waits until all can begin. */
async function startAppServers(count: number, location: Location, work: string, accountId: string): Promise<ChildProcess[]> {
  const servers = Array.from({ length: count }, (_, index) => fork(WORKER, [...location, work, accountId, `server${index}`]))
  await Promise.all(
    servers.map(async (server) => {
      const [report] = (await once(server, 'message')) as [Report]
      if (!report.ready) throw new Error('an app server did something before it was told to')
    }),
  )
  return servers
}

/** Lets `servers` app servers place `holds` holds of one credit each, all at once. Returns how many were held in all. */
export async function placeHoldsAtOnce(servers: number, holds: number, location: Location, accountId: string): Promise<number> {
  const running = await startAppServers(servers, location, String(holds), accountId)
  const reports = running.map(async (server) => {
    const exited = once(server, 'exit')
    const reported = once(server, 'message') as Promise<[Report]>
    server.send('go')
    const [{ held = 0 }] = await reported
    await exited
    return held
  })
  return (await Promise.all(reports)).reduce((sum, held) => sum + held, 0)
}

/** Lets app servers charge until `enough` charges are acknowledged, and kills them all. Returns the acknowledged usage ids. */
export async function chargeUntilKilled(
  servers: number,
  enough: number,
  location: Location,
  accountId: string,
): Promise<string[]> {
  const running = await startAppServers(servers, location, 'charge', accountId)
  const acknowledged: string[] = []
  await Promise.all(
    running.map(async (server) => {
      const exited = once(server, 'exit')
      server.on('message', ({ charged }: Report) => {
        if (charged) acknowledged.push(charged)
        if (acknowledged.length >= enough) for (const each of running) each.kill('SIGKILL')
      })
      server.send('go')
      await exited
    }),
  )
  return acknowledged
}
