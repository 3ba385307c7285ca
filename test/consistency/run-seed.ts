import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProviderAdapter } from '@farebox/core'
import { credits, isFareboxError } from '@farebox/core'
import type { Farebox } from 'farebox'
import { holdToDocument } from '../farebox/hold-to-document.ts'
import type { Account } from './account.ts'
import type { BoxMessage, BoxOrder } from './box-process.ts'
import { ask, isBoxGone, randomRequest } from './callers.ts'
import { checkAccount } from './check-account.ts'
import { checkReceipts } from './check-receipts.ts'
import { checkReplays } from './check-replays.ts'
import { checkTelemetry } from './check-telemetry.ts'
import { Dice } from './dice.ts'
import { workAsHost } from './host-work.ts'
import { nextEdge, ZONES } from './local-days.ts'
import { openAdapters, openBox, type Setup, START, type Terms, termsOf } from './open-box.ts'
import { operate } from './operator.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { type Served, serve } from './serve.ts'
import { Tally } from './tally.ts'
import { doJob, type Job, type Outcome } from './work.ts'

export interface RunOptions {
  /** An empty database: a file of SQLite's, or a `postgres://` address. */
  store: string
  seed: number
  steps: number
  /** Whether a second process works on the same database, and is killed now and then. */
  hasSecond: boolean
}

export interface Report {
  /** What does not agree, one line each. */
  faults: string[]
  jobs: number
  requests: number
  kills: number
  records: number
}

const JUMPS_MS = [1, 1_000, 61_000, 400_000, 3_700_000, 8 * 3_600_000, 86_400_001]
const HOURS_MS = 5 * 3_600_000

/** Lives through one run of everything at once, and asks after each step whether all that tells of usage agrees. */
export async function runSeed(options: RunOptions): Promise<Report> {
  const receiver = await startReceiver(new Dice(options.seed + 2))
  const run = new Run({ store: options.store, seed: options.seed, receiver: receiver.url }, receiver)
  const onRejection = (error: unknown) => run.fault(error)
  process.on('unhandledRejection', onRejection)
  try {
    await run.begin(options.hasSecond)
    for (let step = 1; step <= options.steps && run.report.faults.length === 0; step++) await run.step(step)
    if (run.report.faults.length === 0) await run.end()
    return run.report
  } finally {
    await run.close()
    await receiver.close()
    process.off('unhandledRejection', onRejection)
  }
}

class Run {
  readonly report: Report = { faults: [], jobs: 0, requests: 0, kills: 0, records: 0 }
  readonly #setup: Setup
  readonly #receiver: Receiver
  readonly #dice: Dice
  readonly #terms: Terms
  readonly #accounts: Account[] = []
  /** They outlive the boxes that ask them. */
  readonly #providers: ProviderAdapter[]
  /** What each box has answered against its OpenAPI document. */
  readonly #documentFaults: string[][] = []
  /** What each box has told its observers. */
  readonly #tallies: Tally[] = []
  #time = START
  #box!: Farebox
  #served: Served | undefined
  #second: { process: ChildProcess; urls: string[]; jobs: Map<string, (outcome: Outcome | undefined) => void> } | undefined
  #hasSecond = false
  /** Whether no other process has worked. */
  #isAlone = true

  constructor(setup: Setup, receiver: Receiver) {
    this.#setup = setup
    this.#receiver = receiver
    this.#dice = new Dice(setup.seed)
    this.#terms = termsOf(setup)
    this.#providers = openAdapters(setup, new Dice(setup.seed + 1), () => this.#time)
  }

  fault(error: unknown): void {
    this.report.faults.push(error instanceof Error ? `${error.stack}` : String(error))
  }

  async begin(hasSecond: boolean): Promise<void> {
    await this.#open()
    await this.#box.migrate()
    for (let accounts = this.#dice.whole(1, 3); accounts > 0; accounts--) await this.#openAccount()
    this.#hasSecond = hasSecond
    this.#isAlone = !hasSecond
  }

  /** Several things at once, perhaps while a box is closed or its process killed, and then the checks. */
  async step(step: number): Promise<void> {
    const dice = this.#dice
    if (this.#hasSecond && !this.#second) await this.#startSecond()
    this.#second?.process.send({ time: this.#time } satisfies BoxOrder)
    if (dice.chance(0.5)) await this.#unfreeze()
    const works = Array.from({ length: dice.chance(0.4) ? 1 : dice.whole(2, 6) }, () => this.#work(new Dice(dice.whole(0, 1e9))))
    if (this.#second && dice.chance(0.15)) await this.#killSecond()
    if (dice.chance(0.1)) {
      await sleep(dice.whole(0, 5))
      await this.#closeBox(dice.pick([0, 0, 5, 1_000]))
      await this.#open()
    }
    await Promise.all(works)
    if (dice.chance(0.3)) this.#time += dice.pick(JUMPS_MS)
    else if (dice.chance(0.15)) this.#time = nextEdge(this.#time, dice)
    if (dice.chance(0.3)) await this.#receiver.deliver(this.#box)
    await this.#check(`step ${step}`)
  }

  /** Everything ends: holds heal, what is open is closed, whoever has no answer asks for it, and every record is delivered. */
  async end(): Promise<void> {
    await this.#stopSecond()
    this.#time += HOURS_MS
    await this.#reconcile()
    await this.#closeBox(1_000)
    await this.#open()
    this.#receiver.isCalm = true
    await this.#unfreeze()
    for (const account of this.#accounts) {
      for (const request of account.requests)
        for (let tries = 0; tries < 3 && !request.isAnswered; tries++)
          this.report.faults.push(...(await ask(request, () => this.#url(this.#dice), this.#dice)))
    }
    this.#time += HOURS_MS
    await this.#reconcile()
    for (const { accountId } of this.#accounts) {
      const { workflows } = await this.#box.ledger.workflows({ accountId, state: 'open' }, { limit: 1_000 })
      for (const { workflowId, name } of workflows)
        await this.#box.workflow({ accountId, name, workflowId, isOpened: true }).close()
    }
    this.#time += HOURS_MS
    while ((await this.#box.ledger.sweep()) > 0) {}
    for (let passes = 0; passes < 5; passes++) {
      await this.#receiver.deliver(this.#box)
      this.#time += HOURS_MS
    }
    await this.#check('the end')
    for (const account of this.#accounts) {
      const { held } = await this.#box.ledger.balance(account.accountId)
      if (held !== 0n) this.fault(`${account.accountId} still holds ${held}`)
      const { faults, records } = await this.#receiver.check(this.#box, account.accountId)
      this.report.faults.push(...faults, ...(await checkReplays(this.#box, account.accountId)))
      this.report.faults.push(...(await checkReceipts(this.#box, account.accountId)))
      if (this.#isAlone) this.report.faults.push(...(await checkTelemetry(this.#box, account, this.#tallies)))
      this.report.records += records
    }
  }

  async close(): Promise<void> {
    await this.#stopSecond()
    await this.#closeBox(1_000)
    this.report.faults.push(...this.#documentFaults.flat())
    for (const { running } of this.#tallies) if (running !== 0) this.fault(`${running} calls have not ended for the observers`)
  }

  async #open(): Promise<void> {
    const tally = new Tally()
    this.#tallies.push(tally)
    this.#box = openBox(this.#setup, () => this.#time, {
      providers: this.#providers,
      onError: (error) => this.#onError(error),
      telemetry: tally,
    })
    this.#documentFaults.push(holdToDocument(this.#box))
    this.#served = await serve(this.#box, (error) => this.#onError(error))
  }

  /** What nobody awaited is no fault if it is one that callers are to expect. */
  #onError(error: unknown): void {
    if (!isFareboxError(error)) this.fault(error)
  }

  async #closeBox(graceMs: number): Promise<void> {
    const served = this.#served
    this.#served = undefined
    await Promise.all([served?.close(), this.#box.close({ graceMs })])
    const tally = this.#tallies.at(-1)
    const family = this.#box.metrics.families().find(({ name }) => name === 'farebox_credits_charged_total')
    const counted = new Map([...(family?.samples ?? [])].map(({ labels, value }) => [labels[0]?.[1], credits(String(value))]))
    for (const [service, told] of tally?.byService ?? [])
      if ((counted.get(service) ?? 0n) !== told)
        this.fault(`/metrics counts ${counted.get(service)} charged for ${service}, the observers were told ${told}`)
  }

  async #openAccount(): Promise<void> {
    const { ledger } = this.#box
    const hasLine = this.#dice.chance(0.4)
    const creditLimit = credits(hasLine ? this.#dice.whole(1, 300) : 0)
    const debtLimit = credits(hasLine ? this.#dice.pick([0, this.#dice.whole(1, 100)]) : 0)
    const { accountId } = await ledger.openAccount({ name: 'customer', creditLimit, debtLimit })
    const amount = credits(this.#dice.whole(100, 3_000))
    const { grantId } = await ledger.grant({ accountId, amount })
    const account: Account = {
      accountId,
      creditLimit,
      debtLimit,
      keys: [],
      grants: new Map([[grantId, { amount }]]),
      told: new Map(),
      unsure: new Set(),
      open: [],
      requests: [],
      charges: new Map(),
      holds: [],
      refunded: new Map(),
      takenBack: new Set(),
      perhapsTakenBack: new Set(),
      adjusted: new Set(),
      mayOwe: false,
    }
    for (const userId of [undefined, 'u1']) {
      const made = await ledger.createApiKey({ accountId, userId, minimumBalance: credits(0) })
      if (made.status !== 'created' || !made.secret) continue
      const { apiKeyId } = made
      // Rotated before it is used, so that what it costs is asked for by two prefixes.
      const { prefix, secret = made.secret } = await ledger.rotateApiKey({ accountId, apiKeyId })
      account.keys.push({ secret, prefix, apiKeyId })
    }
    await ledger.setAlerts({ accountId, balanceLow: credits(300) })
    // Crossed in every run, also at the edge of a day that is not UTC's.
    const limit = credits(40)
    await ledger.setBudget({ accountId, period: 'day', timeZone: ZONES[3], limit, mode: 'warn', alertsAtPercent: [1, 50, 100] })
    this.#accounts.push(account)
  }

  /** The address of a box that is there, through one of the hosts. */
  async #url(dice: Dice): Promise<string> {
    for (;;) {
      const urls = [...(this.#served?.urls ?? []), ...(this.#second?.urls ?? [])]
      if (urls.length > 0) return dice.pick(urls)
      await sleep(1)
    }
  }

  async #work(dice: Dice): Promise<void> {
    const account = dice.pick(this.#accounts)
    const what = dice.roll()
    this.#time += 1
    try {
      if (what < 0.3) await this.#job(account, dice)
      else if (what < 0.5) await this.#request(account, dice)
      else if (what < 0.7) this.report.faults.push(...(await workAsHost(this.#box, account, dice)))
      else this.report.faults.push(...(await operate(this.#box, account, dice, () => this.#url(dice))))
    } catch (error) {
      if (!isBoxGone(error)) this.fault(error)
    }
  }

  async #job(account: Account, dice: Dice): Promise<void> {
    const again = dice.chance(0.3) ? account.open.shift() : undefined
    const parentId = !again && dice.chance(0.25) ? account.open[0] : undefined
    const job: Job = {
      accountId: account.accountId,
      workflowId: again ?? crypto.randomUUID(),
      seed: dice.whole(0, 1e9),
      isOpened: again !== undefined,
      ...(dice.chance(0.5) && { secret: dice.pick(account.keys).secret }),
      ...(parentId !== undefined && { parentId }),
      ...(!again && dice.chance(0.3) && { maxCredits: dice.whole(60, 200) }),
      ...(!again && dice.chance(0.25) && { reserve: dice.whole(1, 60) }),
    }
    const { workflowId } = job
    this.report.jobs += 1
    if (!account.told.has(workflowId)) account.told.set(workflowId, 0n)
    const outcome = dice.chance(0.5) && this.#second ? await this.#jobOfSecond(job) : await doJob(this.#box, job)
    if (!outcome?.isSure) account.unsure.add(workflowId)
    if (!outcome) return
    account.told.set(workflowId, (account.told.get(workflowId) ?? 0n) + BigInt(outcome.told))
    if (outcome.isOpen) account.open.push(workflowId)
    this.report.faults.push(...outcome.faults)
  }

  async #request(account: Account, dice: Dice): Promise<void> {
    const open = dice.chance(0.25) ? account.open[0] : undefined
    const request = await randomRequest(dice, await this.#url(dice), dice.pick(account.keys).secret, open)
    // What it costs is a part of what others have spent there.
    if (open === undefined) account.requests.push(request)
    else account.unsure.add(open)
    this.report.requests += 1
    this.report.faults.push(...(await ask(request, () => this.#url(dice), dice)))
  }

  async #unfreeze(): Promise<void> {
    for (const { accountId } of this.#accounts) await this.#box.ledger.freezeAccount({ accountId, isFrozen: false })
  }

  async #reconcile(): Promise<void> {
    const { differences } = await this.#box.reconcile({ from: START })
    for (const difference of differences) if (difference.type === 'failed') this.fault(difference.error)
  }

  /** What callers have left may still be ending, so only what stays wrong is a fault. */
  async #check(when: string): Promise<void> {
    const url = this.#served?.urls[0] ?? ''
    for (let tries = 0; ; tries++) {
      const faults: string[] = []
      for (const account of this.#accounts)
        faults.push(...(await checkAccount({ box: this.#box, url, terms: this.#terms }, account)))
      if (faults.length > 0 && tries < 20) {
        await sleep(100)
        continue
      }
      this.report.faults.push(...faults.map((fault) => `${when}: ${fault}`))
      return
    }
  }

  async #startSecond(): Promise<void> {
    const started = fork(join(import.meta.dirname, 'box-process.ts'), [JSON.stringify([this.#setup, this.#time])], {
      execArgv: ['--conditions=farebox-source'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const jobs = new Map<string, (outcome: Outcome | undefined) => void>()
    started.on('message', (message: BoxMessage) => {
      if ('fault' in message) this.fault(`the second process: ${message.fault}`)
      if ('outcome' in message) jobs.get(message.workflowId)?.(message.outcome)
    })
    started.once('exit', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') this.fault(`the second process ended with ${code}`)
      this.#second = undefined
      for (const end of jobs.values()) end(undefined)
    })
    const [{ urls }] = (await once(started, 'message')) as [{ urls: string[] }]
    this.#second = { process: started, urls, jobs }
  }

  /** `undefined` if it was killed before it could tell. */
  #jobOfSecond(job: Job): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      this.#second?.jobs.set(job.workflowId, resolve)
      // It may be gone by now, and then its end resolves this.
      this.#second?.process.send({ time: this.#time, job } satisfies BoxOrder, () => undefined)
    })
  }

  async #killSecond(): Promise<void> {
    const killed = this.#second?.process
    if (!killed) return
    await sleep(this.#dice.whole(0, 30))
    const ended = once(killed, 'exit')
    killed.kill('SIGKILL')
    await ended
    this.report.kills += 1
  }

  async #stopSecond(): Promise<void> {
    this.#hasSecond = false
    const stopped = this.#second?.process
    if (!stopped) return
    const ended = once(stopped, 'exit')
    stopped.send({ time: this.#time, isToStop: true } satisfies BoxOrder)
    await ended
  }
}
