import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runFaultBench } from './fault-bench.ts'
import { reportText } from './report-text.ts'

/** The fault bench in full: `npm run faults -- --workflows 5000 --kills 20 --seed 1`, on SQLite, or on Postgres with `--store postgres://…`. */
const { values } = parseArgs({
  options: {
    workflows: { type: 'string', default: '3000' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    store: { type: 'string' },
    details: { type: 'boolean', default: false },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'farebox-faults-'))
const [workflows, kills, seed] = [Number(values.workflows), Number(values.kills), Number(values.seed)]
console.log(`seed ${seed}`)
try {
  const report = await runFaultBench({
    store: values.store ?? join(folder, 'ledger.db'),
    workflows,
    kills,
    seed,
    onProgress: (done) => {
      if (done % 500 === 0) console.log(`${done} of ${workflows} workflows`)
    },
  })
  console.log(reportText(report))
  const wrong = [...report.misbilled, ...report.overspent, ...report.leaked, ...report.mismatches, ...report.problems]
  for (const line of wrong.slice(0, values.details ? 1_000 : 20)) console.log(line)
  if (wrong.length > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
