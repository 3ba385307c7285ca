import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, presets } from 'farebox'
import { median, ratio } from './measure.ts'
import { oneAtATime } from './raw-sqlite.ts'

/**
 * What one simulated chat costs in CPU from its plan to its charge on SQLite (synchronous=FULL), with 64 callers: counted, routed, held,
 * attempted, settled, with usage record, journal and rollup. Beside it, the CPU of one raw better-sqlite3 transaction of an update and an
 * insert, alone, in the same round. Then a long run, whose memory must not grow.
 *
 * It is measured twice: as Node runs by itself, and with the young generation that the guide to operations advises for servers of many calls at once.
 *
 * `CALLS` sets the length of the long run.
 */
/** The one that is advised, in MiB. Node's own differs by its version: it is what it takes without being told. */
const ADVISED_MIB = 64
/** Of some two seconds: a major collection, or a slow moment of the machine, decides a few of them. */
const ROUNDS = 15
const CALLERS = 64
const CALLS = 10_000
/** As many as it takes until a server that runs for days is measured: V8 goes on compiling for some fifty thousand. */
const WARM_UP = 60_000
const LONG_RUN = Number(process.env.CALLS ?? 200_000)
const SAMPLES = 10

if (process.argv.includes('--measure')) await measure()
else {
  measureWith("Node's own young generation", [])
  measureWith(`a young generation of ${ADVISED_MIB} MiB`, [`--max-semi-space-size=${ADVISED_MIB}`])
}

function measureWith(what: string, options: readonly string[]): void {
  console.log(`with ${what}:`)
  const flags = ['--expose-gc', ...options]
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...flags, import.meta.filename, '--measure'], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = status ?? 1
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))
  const box = createFarebox({
    store: sqlite({ filename: join(folder, 'credits.db') }),
    providers: [simulated()],
    configuration: presets.costOptimized(),
  })
  try {
    await box.migrate()
    const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
    await box.ledger.grant({ accountId, amount: credits(100_000_000) })
    const ask = { messages: [{ role: 'user' as const, content: 'When do you open on Sundays?' }] }
    let workflow = box.workflow({ accountId, name: 'bench' })

    await chats(WARM_UP)
    const used: number[] = []
    const baselines: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      baselines.push(cpuOf(() => oneAtATime(join(folder, 'raw.db'), 1_000), 1_000))
      const before = process.cpuUsage()
      await chats(CALLS)
      const { user, system } = process.cpuUsage(before)
      used.push((user + system) / CALLS)
    }
    console.table({
      'simulated chat, 64 callers': {
        'CPU µs': median(used).toFixed(0),
        'to the baseline': ratio(used.map((us, i) => us / (baselines[i] ?? 1))),
      },
      'raw transaction, one at a time': { 'CPU µs': median(baselines).toFixed(0), 'to the baseline': '1' },
    })

    const memory: number[] = []
    for (let sample = 0; sample < SAMPLES; sample++) {
      await chats(LONG_RUN / SAMPLES)
      global.gc?.()
      memory.push(process.memoryUsage().heapUsed / 2 ** 20)
    }
    const rss = process.memoryUsage().rss / 2 ** 20
    console.log(
      `heap in MiB after each tenth of ${LONG_RUN} chats: ${memory.map((mib) => mib.toFixed(1)).join(' ')}; resident: ${rss.toFixed(0)}`,
    )
    const { balance } = await box.ledger.balance(accountId)
    const { mismatches } = await box.ledger.verify(accountId)
    console.log(`balance ${balance / 1_000_000n} credits, mismatches: ${mismatches.length}`)
    if (mismatches.length > 0) process.exitCode = 1

    async function chats(calls: number): Promise<void> {
      // A workflow of a day's chats, not of a year's.
      workflow = box.workflow({ accountId, name: 'bench' })
      let left = calls
      await Promise.all(
        Array.from({ length: CALLERS }, async () => {
          while (left-- > 0) await workflow.chat(ask)
        }),
      )
      await box.ledger.closeWorkflow({ accountId, workflowId: workflow.id })
    }
  } finally {
    await box.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function cpuOf(work: () => void, operations: number): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / operations
}
