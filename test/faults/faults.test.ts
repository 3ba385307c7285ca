import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type FaultBenchReport, runFaultBench } from './fault-bench.ts'
import { kinds } from './work.ts'

/** A slice of the fault bench; `npm run faults` runs it in full. */
const WORKFLOWS = 360

const stores = {
  async SQLite() {
    const folder = databaseFolder('faults')
    return { store: join(folder, 'ledger.db'), drop: async () => rmSync(folder, { recursive: true, force: true }) }
  },
  async Postgres() {
    const database = await createTestDatabase()
    return { store: database.url, drop: database.drop }
  },
}

it.each(['SQLite', 'Postgres'] as const)(
  'after every fault, on %s, the ledger is what the providers invoice, nobody has overspent, and nothing is left held',
  async (on) => {
    const { store, drop } = await stores[on]()
    onTestFinished(drop)
    const report = await runFaultBench({ store, workflows: WORKFLOWS, kills: 1, seed: 42 })
    expect(wrong(report)).toEqual({ misbilled: [], overspent: [], leaked: [], mismatches: [], problems: [] })
    expect(report.lines).toBeGreaterThan(WORKFLOWS / 2)
    expect(report.exact).toBeGreaterThan(report.lines / 2)
    // No kind of work failed before it reached its provider.
    expect([...report.kinds.keys()].sort()).toEqual([...kinds].sort())
    expect([...report.faults.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10)
  },
  180_000,
)

function wrong({ misbilled, overspent, leaked, mismatches, problems }: FaultBenchReport) {
  return { misbilled, overspent, leaked, mismatches, problems }
}
