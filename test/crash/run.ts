import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../support/postgres-server.ts'
import { crashRound, type Place, type RoundReport } from './crash-round.ts'
import { killApps, killServer } from './crashes.ts'

/**
 * Real crashes, many of them: `npm run crash`. In each round two loaded app processes are killed with SIGKILL at random instants, or the
 * database server under them is; then everything that they were told, and everything that they were not, is asked for again.
 */
const { values } = parseArgs({
  options: { apps: { type: 'string', default: '50' }, servers: { type: 'string', default: '20' } },
})
const folder = mkdtempSync(join(tmpdir(), 'farebox-crash-'))
const table: Record<string, string | number>[] = []
const problems: string[] = []

async function rounds(what: string, count: number, place: Place, crash: Parameters<typeof crashRound>[2]): Promise<void> {
  const reports: RoundReport[] = []
  for (let round = 1; round <= count; round++) {
    const name = `${what.replaceAll(/\W+/g, '-')}-${round}`
    const report = await crashRound(place, name, crash)
    reports.push(report)
    problems.push(...report.problems.map((problem) => `${name}: ${problem}`))
    console.error(`${what}: ${round} of ${count}, ${report.acknowledged} acknowledged, ${report.problems.length} problems`)
  }
  const total = (of: (report: RoundReport) => number) => reports.reduce((sum, report) => sum + of(report), 0)
  table.push({
    'killed with SIGKILL': what,
    rounds: count,
    'app processes killed': total(({ processesKilled }) => processesKilled),
    acknowledged: total(({ acknowledged }) => acknowledged),
    'in doubt': total(({ inDoubt }) => inDoubt),
    'of them had happened': total(({ hadHappened }) => hadHappened),
    'holds healed': total(({ holdsHealed }) => holdsHealed),
    'entries verified': total(({ journalEntries }) => journalEntries),
    problems: total((report) => report.problems.length),
  })
}

try {
  const filename = join(folder, 'credits.db')
  await rounds('two apps on one SQLite file', Number(values.apps), { location: ['sqlite', filename], folder }, killApps)
  const server = await startPostgres()
  try {
    const place: Place = { location: ['postgres', server.url], folder }
    await rounds('two apps on one Postgres', Number(values.apps), place, killApps)
    await rounds('the Postgres server under two apps', Number(values.servers), place, killServer(server))
  } finally {
    await server.stop()
  }
  console.table(table)
  for (const problem of problems) console.log(problem)
  if (problems.length > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
