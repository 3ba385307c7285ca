import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { dashboard } from '@farebox/dashboard'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { getRequestListener } from '@hono/node-server'
import { createFarebox, type Farebox, presets } from 'farebox'
import { Hono } from 'hono'
import { buildPagesIfStale } from '../../packages/dashboard/scripts/build-pages.ts'
import { databaseFolder } from '../support/database-folder.ts'
import { createPatientServer } from '../support/patient-server.ts'
import { type Seeded, seedClock, seedMonth } from './seed-month.ts'

export const ADMIN_TOKEN = 'token-of-the-admin'

/** A dashboard on a socket, over a Farebox on SQLite with a month behind it. */
export interface OpenDashboard {
  box: Farebox
  seeded: Seeded
  /** Of the server, without the path of the dashboard. */
  origin: string
  close(): Promise<void>
}

/** @param perDay  workflows on an ordinary day of the month */
export async function openDashboard({ perDay }: { perDay: number }): Promise<OpenDashboard> {
  await buildPagesIfStale()
  const folder = databaseFolder('dashboard')
  const clock = seedClock()
  // Calls take their time on the clock of the month, so that it is made up within seconds.
  const sleep = async (milliseconds: number) => {
    if (clock.at !== undefined) clock.at += Math.round(milliseconds)
  }
  const box = createFarebox({
    store: sqlite({ filename: join(folder, 'credits.db'), clock: clock.now, synchronous: 'normal' }),
    providers: [
      simulated({
        now: clock.now,
        sleep,
        latencyMs: { median: 620, p95: 1_900 },
        failures: ({ offer }) => (offer.provider === 'gpt-4o' ? { kind: 'overloaded' } : undefined),
      }),
    ],
    configuration: presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'gpt-4o-mini' }),
    clock: clock.now,
  })
  await box.migrate()
  const seeded = await seedMonth(box, clock, perDay)
  const api = box.routes({ adminToken: ADMIN_TOKEN })
  const pages = dashboard()
  const app = new Hono()
    .all('/dashboard', (context) => pages(context.req.raw))
    .all('/dashboard/*', (context) => pages(context.req.raw))
    .all('*', (context) => api(context.req.raw))
  const server = createPatientServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  const origin = await listen(server)
  return {
    box,
    seeded,
    origin,
    async close() {
      server.closeAllConnections()
      server.close()
      await box.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
