import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startPostgres } from '../support/postgres-server.ts'
import { runSeed } from './run-seed.ts'

/**
 * As many runs as are asked for, each from a seed of its own and over a database of its own: `npm run consistency -- --runs 100 --seed 1`, on
 * SQLite, or on Postgres with `--postgres`. Every other run has a second process, which is killed now and then.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    steps: { type: 'string', default: '25' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    postgres: { type: 'boolean', default: false },
  },
})
const [runs, steps, first] = [Number(values.runs), Number(values.steps), Number(values.seed)]
const folder = mkdtempSync(join(tmpdir(), 'farebox-consistency-'))
const server = values.postgres ? await startPostgres() : undefined
try {
  for (let seed = first; seed < first + runs; seed++) {
    const store = server ? await newDatabase(server.url, `seed_${seed}`) : join(folder, `${seed}.db`)
    const { faults, ...counts } = await runSeed({ store, seed, steps, hasSecond: seed % 2 === 0 })
    console.log(`seed ${seed}: ${faults.length} faults, ${JSON.stringify(counts)}`)
    for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
    if (faults.length > 0) process.exitCode = 1
  }
} finally {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function newDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  return new URL(name, serverUrl).href
}
