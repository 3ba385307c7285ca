import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Ledger } from '@farebox/ledger'
import { type SqliteWriter, sqlite } from '@farebox/ledger/sqlite'
import { longestStall, median, perSecond, ratio } from './measure.ts'
import { oneAtATime } from './raw-sqlite.ts'
import { COLD, HOT, type Load, type Measured, measure, mismatches, openAccounts, Waits } from './sqlite-work.ts'

/**
 * Changes per second of the ledger on SQLite (synchronous=FULL), against raw better-sqlite3 transactions one at a time, of which
 * each measurement has its own. A life of a hold (placed, settled with usage record and rollup) counts as one.
 */
const ROUNDS = 3
const BASELINE_OPERATIONS = 1_000
const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))
const filename = join(folder, 'ledger.db')

const hold = { isLifecycle: false }
const life = { isLifecycle: true }
const loads: (Load & { writer: SqliteWriter })[] = [
  { ...hold, callers: 1, operations: 800, accounts: HOT, writer: 'event loop' },
  { ...hold, callers: 64, operations: 8_000, accounts: HOT, writer: 'event loop' },
  { ...hold, callers: 256, operations: 16_000, accounts: HOT, writer: 'event loop' },
  { ...hold, callers: 1, operations: 800, accounts: COLD, writer: 'event loop' },
  { ...hold, callers: 64, operations: 4_000, accounts: COLD, writer: 'event loop' },
  { ...hold, callers: 256, operations: 8_000, accounts: COLD, writer: 'event loop' },
  { ...life, callers: 256, operations: 5_000, accounts: HOT, writer: 'event loop' },
  { ...life, callers: 256, operations: 3_000, accounts: COLD, writer: 'event loop' },
  { ...hold, callers: 1, operations: 800, accounts: HOT, writer: 'thread' },
  { ...hold, callers: 64, operations: 8_000, accounts: HOT, writer: 'thread' },
  { ...hold, callers: 256, operations: 16_000, accounts: HOT, writer: 'thread' },
]

try {
  const waits = new Waits()
  const open = (writer: SqliteWriter) => new Ledger(sqlite({ filename, writer }), { onCommit: waits.onCommit })
  const ledgers = { 'event loop': open('event loop'), thread: open('thread') }
  await ledgers['event loop'].migrate()
  await openAccounts(ledgers['event loop'])
  const held = new Map<string, bigint>()
  const results = loads.map((load) => ({ load, measured: [] as Measured[], baselines: [] as number[] }))
  const idle: number[] = []
  for (const { load } of results) await measure(ledgers[load.writer], waits, { ...load, operations: load.operations / 10 }, held)
  for (let round = 0; round < ROUNDS; round++) {
    idle.push(await longestStall(() => setTimeout(500)))
    for (const { load, measured, baselines } of round % 2 === 0 ? results : [...results].reverse()) {
      baselines.push(oneAtATime(join(folder, 'raw.db'), BASELINE_OPERATIONS))
      measured.push(await measure(ledgers[load.writer], waits, load, held))
    }
  }
  console.table(results.map(({ load, measured, baselines }) => row(load, measured, baselines)))
  console.log(`stall of an idle event loop in the same rounds: ${idle.map((ms) => ms.toFixed(1)).join(', ')} ms`)
  await twoProcesses(held)
  const checked = await mismatches(ledgers['event loop'], held)
  for (const ledger of Object.values(ledgers)) await ledger.close()
  await logPerChange()
  console.log(`mismatches: ${checked.found.length} in all balances and ${checked.entries} journal entries`)
  if (checked.found.length > 0) {
    console.log(checked.found.slice(0, 5).join('\n'))
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function row({ callers, accounts, isLifecycle, writer }: (typeof loads)[number], measured: Measured[], baselines: number[]) {
  const ratios = measured.map(({ rate }, round) => rate / (baselines[round] ?? Number.NaN))
  return {
    what: isLifecycle ? 'hold → settle' : 'hold',
    callers,
    on: accounts,
    writer,
    rate: perSecond(measured.map(({ rate }) => rate)),
    'raw, one at a time': perSecond(baselines),
    'to raw': ratio(ratios),
    'longest stall (ms)': measured.map(({ stallMs }) => stallMs.toFixed(1)).join(' '),
    'queue wait (ms)': `${median(measured.map((one) => one.waitMsMean)).toFixed(2)}, at most ${Math.max(...measured.map((one) => one.waitMsMax)).toFixed(1)}`,
  }
}

/** Two processes with 64 callers each on one file and one account, against one of them alone. */
async function twoProcesses(held: Map<string, bigint>): Promise<void> {
  const load: Load = { ...hold, callers: 64, operations: 8_000, accounts: HOT }
  const both = [startProcess(), startProcess()]
  await Promise.all(both.map((each) => ask(each, { ...load, operations: 800 }, held)))
  const [alone] = await Promise.all(both.slice(0, 1).map((each) => ask(each, load, held)))
  const together = await Promise.all(both.map((each) => ask(each, load, held)))
  for (const each of both) each.disconnect()
  const rate = together.reduce((sum, measured) => sum + measured.rate, 0)
  console.table(
    [alone, ...together].map((measured, index) => ({
      process: index === 0 ? 'alone' : `${index} of two`,
      rate: perSecond([measured?.rate ?? 0]),
      'longest stall (ms)': measured?.stallMs.toFixed(1),
      'queue wait (ms)': `${measured?.waitMsMean.toFixed(2)}, at most ${measured?.waitMsMax.toFixed(1)}`,
    })),
  )
  console.log(`two processes ÷ one: ${(rate / (alone?.rate ?? Number.NaN)).toFixed(2)} ×`)
}

function startProcess(): ChildProcess {
  return fork(join(import.meta.dirname, 'sqlite-holds-process.ts'), [filename])
}

async function ask(child: ChildProcess, load: Load, held: Map<string, bigint>): Promise<Measured> {
  child.send(load)
  const [report] = (await once(child, 'message')) as [{ measured: Measured; held: [string, string][] }]
  for (const [accountId, amount] of report.held) held.set(accountId, (held.get(accountId) ?? 0n) + BigInt(amount))
  return report.measured
}

/** What one change adds to the write-ahead log, which begins anew when a file is opened. */
async function logPerChange(): Promise<void> {
  const sizes: Record<string, string> = {}
  for (const [name, load] of Object.entries({
    'hold, hot': { ...hold, accounts: HOT },
    'hold, 10,000 accounts': { ...hold, accounts: COLD },
    'hold → settle, hot': { ...life, accounts: HOT },
    'hold → settle, 10,000 accounts': { ...life, accounts: COLD },
  } as const)) {
    const waits = new Waits()
    const ledger = new Ledger(sqlite({ filename }), { onCommit: waits.onCommit })
    const operations = 1_024
    await measure(ledger, waits, { ...load, callers: 256, operations }, new Map())
    sizes[name] = `${(statSync(`${filename}-wal`).size / operations / 1_024).toFixed(1)} KiB`
    await ledger.close()
  }
  console.log('written to the log per change at 256 callers:')
  console.table(sizes)
}
