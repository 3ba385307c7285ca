import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { load, stayAwake } from './http-load.ts'
import { median, ratio } from './measure.ts'
import type { Mounted } from './middleware-process.ts'
import { chosenNode, pinToLoadCore, type ServerProcess, startServer } from './server-process.ts'

/**
 * What the middleware costs in Express and Koa: CPU per request of a bare server and of one with Farebox mounted, which answer at the same
 * time on one core, while another core asks both. So whatever else the machine does, it does to both. `--node 24` runs the servers on
 * another Node; names of rows, such as `express gate`, run these alone.
 */
const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SECONDS = Number(process.env.SECONDS ?? 3)
/** Until both have been compiled: an optimising compiler works for thousands of requests. */
const WARM_UP_ROUNDS = 3
const body = JSON.stringify({ text: 'Why does the heron stand on one leg? '.repeat(27) })
const headers = { authorization: 'Bearer fbx_bench_0123456789abcdefghijklmnopqrstuvwxyz' }

const DESCRIBED: Record<Mounted, string> = {
  bare: 'bare, against itself',
  gate: 'key → account → workflow → price, nothing written',
  hold: 'key, price, durable hold and settle by the ledger',
  record: 'key, workflow, record: opened, charged, closed',
  chat: 'key, workflow, simulated chat: opened, held, settled, closed',
  naive: 'better-sqlite3, a transaction for each hold and each charge',
}
const CONNECTIONS: Record<Mounted, number> = { bare: 16, gate: 16, hold: 64, record: 64, chat: 64, naive: 64 }

const asked = process.argv.slice(2).filter((word, index, all) => word !== '--node' && all[index - 1] !== '--node')
const rows = (['express', 'koa'] as const)
  .flatMap((framework) => (Object.keys(DESCRIBED) as Mounted[]).map((mounted) => ({ framework, mounted })))
  .filter(({ framework, mounted }) => isAsked(framework, ['express', 'koa']) && isAsked(mounted, Object.keys(DESCRIBED)))

const node = chosenNode()
pinToLoadCore()
const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))
const script = join(import.meta.dirname, 'middleware-process.ts')
try {
  console.log(`servers on Node ${node.version}, ${ROUNDS} rounds of ${SECONDS} s`)
  const table: Record<string, object> = {}
  for (const { framework, mounted } of rows) {
    table[`${framework}: ${DESCRIBED[mounted]}`] = await pair(framework, mounted)
  }
  console.table(table)
  console.log('share: requests per second of the bare server in the same seconds, on the same core')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Of the names of one kind, those on the command line; all where there are none. */
function isAsked(name: string, names: readonly string[]): boolean {
  return asked.includes(name) || !asked.some((word) => names.includes(word))
}

async function pair(framework: string, mounted: Mounted) {
  const filename = mounted === 'bare' || mounted === 'gate' ? ':memory:' : join(folder, `${framework}-${mounted}.db`)
  const [bare, metered] = await Promise.all([
    startServer(script, [framework, 'bare'], { node: node.path }),
    startServer(script, [framework, mounted, filename], { node: node.path }),
  ])
  const costs: { bare: number; metered: number; share: number }[] = []
  let answered = 0
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const [one, other] = await measure([bare, metered], CONNECTIONS[mounted])
    answered += other.requests
    if (round >= 0) costs.push({ bare: one.cpuUs, metered: other.cpuUs, share: other.requests / one.requests })
  }
  const [, audit] = await Promise.all([bare.stop(), metered.stop()])
  const { mismatches, failures, charges } = audit as { mismatches: number; failures: number; charges: number }
  // What the last connections had asked when the load ended is charged, and counted by nobody.
  const isUncharged = filename !== ':memory:' && mounted !== 'naive' && charges < answered
  if (mismatches + failures > 0 || isUncharged) {
    throw new Error(
      `${framework} ${mounted}: ${mismatches} mismatches, ${failures} failures, ${charges} charges for ${answered} answers`,
    )
  }
  return {
    'bare µs': median(costs.map((cost) => cost.bare)).toFixed(0),
    'mounted µs': median(costs.map((cost) => cost.metered)).toFixed(0),
    'CPU to bare': ratio(costs.map((cost) => cost.metered / cost.bare)),
    share: ratio(costs.map(({ share }) => share)),
    mismatches,
    load: loadavg()[0]?.toFixed(1),
  }
}

async function measure(servers: readonly [ServerProcess, ServerProcess], connections: number) {
  const letSleep = stayAwake()
  const before = servers.map((server) => server.cpuMs())
  const answers = await Promise.all(
    servers.map(({ url }) => load({ url: `${url}/ask`, body, headers, connections, seconds: SECONDS })),
  )
  letSleep()
  const [one, other] = servers.map((server, index) => {
    const requests = answers[index]?.requests ?? 0
    return { requests, cpuUs: ((server.cpuMs() - (before[index] ?? 0)) * 1_000) / requests }
  })
  if (!one || !other) throw new Error('a pair has two servers')
  return [one, other] as const
}
