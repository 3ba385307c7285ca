import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { credits } from '@farebox/core'
import type { Ledger } from '@farebox/ledger'
import { type Asked, type Call, make, readDiary, type Told } from './diary.ts'
import { type Location, openLedger } from './open-ledger.ts'

const APP_PROCESS = fileURLToPath(new URL('./app-process.ts', import.meta.url))
const PROCESSES = 2
/** Accounts that each round opens: two that are rich, and one that runs dry. */
const BALANCES = [1_000_000, 1_000_000, 60]
/** A little more than the time to live and the grace of the holds of app processes. */
const HEALS_WITHIN_MS = 700

/** Where the ledger under test is, and where app processes keep their diaries. */
export interface Place {
  location: Location
  folder: string
}

/** What one round found. */
export interface RoundReport {
  processesKilled: number
  /** Calls that were answered before the crash. */
  acknowledged: number
  /** Calls of which nobody knew what had become of them. */
  inDoubt: number
  /** Of those, how many had happened. */
  hadHappened: number
  holdsHealed: number
  journalEntries: number
  /** What was not as it must be, in words. */
  problems: string[]
}

/**
 * Lets two app processes work on accounts of their own, does its worst to them, and looks at what is left.
 *
 * @param crash  kills something at a time of its choosing, and returns when what is left of the app processes may be ended
 */
export async function crashRound(
  { location, folder }: Place,
  name: string,
  crash: (processes: readonly ChildProcess[]) => Promise<void>,
): Promise<RoundReport> {
  const accountIds = await openAccounts(location, name)
  const names = Array.from({ length: PROCESSES }, (_, index) => `${name}-p${index}`)
  const diaries = names.map((each) => join(folder, `${each}.diary`))
  const processes = names.map((each, index) => fork(APP_PROCESS, [...location, diaries[index] ?? '', each, ...accountIds]))
  const exits = processes.map((process) => once(process, 'exit') as Promise<[number | null, NodeJS.Signals | null]>)
  await Promise.all(processes.map((process) => once(process, 'message')))
  for (const process of processes) process.send('go')
  // Under load: each has been given an answer, and waits for more.
  await Promise.all(processes.map((process) => once(process, 'message')))
  await crash(processes)
  for (const process of processes) if (process.connected) process.send('stop', () => undefined)
  const ends = await Promise.all(exits)

  const problems: string[] = []
  for (const [code, signal] of ends) if (signal === null && code !== 0) problems.push(`an app process ended with ${code}`)
  const calls = diaries.flatMap(readDiary)
  const inDoubt = calls.filter(({ told }) => told === undefined)
  // Opened only now: whatever the crash left behind must be enough to go on from.
  const ledger = openLedger(location)
  await verifyAll(ledger, accountIds, problems)
  await expectKept(ledger, calls, problems)
  const hadHappened = await settleDoubts(ledger, inDoubt, problems)
  await expectChargedOnce(ledger, accountIds, calls, problems)
  const holdsHealed = await expectHealed(ledger, accountIds, problems)
  const journalEntries = await verifyAll(ledger, accountIds, problems)
  await ledger.close()
  const processesKilled = ends.filter(([, signal]) => signal === 'SIGKILL').length
  return {
    processesKilled,
    acknowledged: calls.length - inDoubt.length,
    inDoubt: inDoubt.length,
    hadHappened,
    holdsHealed,
    journalEntries,
    problems,
  }
}

async function openAccounts(location: Location, name: string): Promise<string[]> {
  const ledger = openLedger(location)
  await ledger.migrate()
  const accountIds = BALANCES.map((_, index) => `${name}-${index}`)
  for (const [index, accountId] of accountIds.entries()) {
    await ledger.openAccount({ accountId, name })
    await ledger.grant({ accountId, grantId: 'first', amount: credits(BALANCES[index] ?? 0) })
  }
  await ledger.close()
  return accountIds
}

async function verifyAll(ledger: Ledger, accountIds: readonly string[], problems: string[]): Promise<number> {
  const reports = await Promise.all(accountIds.map((accountId) => ledger.verify(accountId)))
  for (const { accountId, mismatches } of reports) {
    for (const { kind, at, expected, found } of mismatches)
      problems.push(`verify(${accountId}): ${kind} at ${at}: ${expected} is ${found}`)
  }
  return reports.reduce((sum, { entries }) => sum + entries, 0)
}

/** What was acknowledged is there: asking again is answered the same. */
async function expectKept(ledger: Ledger, calls: readonly Call[], problems: string[]): Promise<void> {
  await Promise.all(
    calls.map(async ({ asked, told }) => {
      // A refusal is not remembered: it changed nothing.
      if (told === undefined || !('replayed' in told)) return
      const again = await make(ledger, asked)
      if (!isReplayOf(again, told))
        problems.push(`${nameOf(asked)} was acknowledged, and is answered otherwise now: ${again.status}`)
    }),
  )
}

/** What nobody knows of is asked again until it is known, and then once more. Returns how many had happened. */
async function settleDoubts(ledger: Ledger, inDoubt: readonly Call[], problems: string[]): Promise<number> {
  let hadHappened = 0
  for (const call of inDoubt) {
    const told = await make(ledger, call.asked)
    call.told = told
    if (!('replayed' in told)) continue
    if (told.replayed) hadHappened++
    const again = await make(ledger, call.asked)
    if (!isReplayOf(again, told)) problems.push(`${nameOf(call.asked)} is answered otherwise the second time: ${again.status}`)
  }
  return hadHappened
}

/** What was charged is what the answers say, each once: no more records than calls, and no other amounts. */
async function expectChargedOnce(
  ledger: Ledger,
  accountIds: readonly string[],
  calls: readonly Call[],
  problems: string[],
): Promise<void> {
  const expected = new Map<string, bigint>()
  for (const { asked, told } of calls) {
    if (told?.status === 'charged') expected.set(`${asked.input.accountId} ${told.usageId}`, told.charged)
    if (told?.status === 'corrected') expected.set(`${asked.input.accountId} ${told.correctionId}`, -told.refunded)
  }
  for (const [index, accountId] of accountIds.entries()) {
    const mine = [...expected].filter(([key]) => key.startsWith(`${accountId} `))
    const spent = mine.reduce((sum, [, amount]) => sum + amount, 0n)
    const { balance } = await ledger.balance(accountId)
    const found = credits(BALANCES[index] ?? 0) - balance
    if (found !== spent) problems.push(`${accountId} was charged ${found} in all, and told of ${spent}`)
    const { usageRecords } = await ledger.verify(accountId)
    if (usageRecords !== mine.length)
      problems.push(`${accountId} has ${usageRecords} usage records, and was told of ${mine.length}`)
  }
}

/** After their time to live and grace, no hold is left. Returns how many healed. */
async function expectHealed(ledger: Ledger, accountIds: readonly string[], problems: string[]): Promise<number> {
  await sleep(HEALS_WITHIN_MS)
  while ((await ledger.sweep()) > 0) {}
  let healed = 0
  for (const accountId of accountIds) {
    const { held } = await ledger.balance(accountId)
    if (held !== 0n) problems.push(`${accountId} still holds ${held}`)
    const { items } = await ledger.statement(accountId, { limit: 1_000_000 })
    healed += items.filter(({ verb }) => verb === 'expireHold').length
  }
  return healed
}

function isReplayOf(again: Told, first: Told): boolean {
  return 'replayed' in again && again.replayed && isDeepStrictEqual({ ...again, replayed: false }, { ...first, replayed: false })
}

function nameOf({ verb, input }: Asked): string {
  return `${verb} of ${'holdId' in input ? input.holdId : JSON.stringify(input.accountId)}`
}
