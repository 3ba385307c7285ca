import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { credits, quantity } from '@farebox/core'
import { Ledger, type LedgerDriver } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { startPostgres } from '../support/postgres-server.ts'
import { throughput } from './measure.ts'

/**
 * What the verification of an account takes: time for each hold that was placed and settled, memory, and the longest time for which
 * the event loop was not free. A large account is compared with one that is a tenth of it.
 */
const LIVES = Number(process.env.LIVES ?? 300_000)
const SMALL = Math.ceil(LIVES / 10)
const CALLERS = 256

interface Taken {
  ms: number
  stallMs: number
  mismatches: number
  mib: number
  idleMib: number
}

const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))
const server = await startPostgres()
try {
  const filename = join(folder, 'verify.db')
  const rows = {
    ...(await verified('SQLite', filename, sqlite({ filename }))),
    ...(await verified('Postgres', server.url, postgres({ connectionString: server.url }))),
  }
  console.log(
    `accounts with ${SMALL.toLocaleString('en')} and ${LIVES.toLocaleString('en')} settled holds (load ${loadavg()[0]?.toFixed(1)})`,
  )
  console.table(rows)
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function verified(name: string, store: string, driver: LedgerDriver): Promise<Record<string, object>> {
  const ledger = new Ledger(driver)
  await ledger.migrate()
  await fill(ledger, 'small', SMALL)
  await fill(ledger, 'large', LIVES)
  await ledger.close()
  const [small, large] = [await verify(store, 'small'), await verify(store, 'large')]
  const row = (one: (taken: Taken) => number, digits = 0) => ({
    small: one(small).toFixed(digits),
    large: one(large).toFixed(digits),
    'large ÷ small': `${(one(large) / one(small)).toFixed(2)} ×`,
  })
  const perHold = (taken: Taken) => (taken.ms * 1_000) / (taken === small ? SMALL : LIVES)
  return {
    [`${name}, µs for each hold`]: row(perHold, 1),
    [`${name}, MiB beyond an idle ledger`]: row(({ mib, idleMib }) => mib - idleMib),
    [`${name}, longest stall in ms`]: row(({ stallMs }) => stallMs, 1),
  }
}

async function fill(ledger: Ledger, accountId: string, lives: number): Promise<void> {
  await ledger.openAccount({ accountId, name: 'Ada' })
  await ledger.grant({ accountId, amount: credits(100_000_000) })
  const work = { accountId, service: 'gpt', provider: 'gpt-4o-mini' }
  const usage = { quantity: quantity(1_234), unit: 'tokens', rated: credits('1.234') } as const
  await throughput(CALLERS, lives, async (index) => {
    const userId = `user-${index % 100}`
    const hold = await ledger.placeHold({ ...work, userId, amount: credits(2) })
    if (hold.status !== 'held') throw new Error(hold.reason)
    const settled = await ledger.settleHold({ accountId, holdId: hold.holdId, usage })
    if (settled.status !== 'charged') throw new Error(settled.reason)
  })
}

async function verify(store: string, accountId: string): Promise<Taken> {
  const script = join(import.meta.dirname, 'verify-process.ts')
  const flags = ['--conditions=farebox-source', '--no-warnings']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, store, accountId])
  const taken = JSON.parse(stdout) as Taken
  if (taken.mismatches > 0) throw new Error(`${accountId} has ${taken.mismatches} mismatches`)
  return taken
}
