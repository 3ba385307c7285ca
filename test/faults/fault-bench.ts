import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import type { AppMessage, AppOrder, AppSetup } from './app-process.ts'
import { type Audit, audit } from './audit.ts'
import { dice } from './dice.ts'
import { scheduleFaults } from './fault-schedule.ts'
import { openBox, type Store } from './open-box.ts'
import { startProviders } from './providers.ts'

export interface FaultBenchOptions {
  store: Store
  workflows: number
  /** How often the app is killed with SIGKILL, at moments of chance. */
  kills: number
  seed: number
  /** Workflows at once. @defaultValue 24 */
  atOnce?: number
  /** Told now and then how far it is. */
  onProgress?: (done: number) => void
}

export interface FaultBenchReport extends Audit {
  workflows: number
  kills: number
  /** Requests that the providers saw. */
  requests: number
  faults: ReadonlyMap<string, number>
  /** How workflows ended, by the codes of their errors. */
  outcomes: ReadonlyMap<string, number>
  /** Calls and prices that were set right afterwards, by type. */
  reconciled: ReadonlyMap<string, number>
  /** What should never happen in an app. */
  problems: string[]
}

/** One account is rich, one can pay for a while, and one for hardly anything. */
const BALANCES = [1_000_000, 300, 15]
const HOURS_LATER = 5 * 3_600_000

/**
 * Runs workflows over every service in an app that is killed now and then, against providers that fail in every way, and then asks whether
 * the ledger is what the providers' own invoices say.
 */
export async function runFaultBench(options: FaultBenchOptions): Promise<FaultBenchReport> {
  const { store, workflows, seed, atOnce = 24 } = options
  const random = dice(seed)
  const providers = await startProviders()
  const accountIds = await openAccounts(store, providers.addresses)
  const schedule = scheduleFaults(providers.loopbacks, 0.6, random)
  const outcomes = new Map<string, number>()
  const problems: string[] = []
  const killed = new Set<number>()
  const setup: AppSetup = { store, addresses: providers.addresses, seed }
  const killAt = new Set(Array.from({ length: options.kills }, () => Math.floor(random() * workflows)))
  let kills = 0
  let next = 0
  let done = 0

  while (next < workflows) {
    const app = await startApp(setup)
    const running = new Set<number>()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    let isEnding = false
    const order = () => {
      while (!isEnding && running.size < atOnce && next < workflows) {
        const workflow = next++
        running.add(workflow)
        app.send({ workflow, accountId: accountOf(workflow, accountIds) } satisfies AppOrder)
        if (killAt.has(workflow)) {
          isEnding = true
          // In the middle of whatever it does.
          setTimeout(() => app.kill('SIGKILL'), random() * 300)
        }
      }
      if (!isEnding && running.size === 0) {
        isEnding = true
        app.send({ stop: true } satisfies AppOrder)
      }
    }
    app.on('message', (message: AppMessage) => {
      if ('problem' in message) problems.push(message.problem)
      if (!('done' in message)) return
      running.delete(message.done)
      done += 1
      outcomes.set(message.outcome, (outcomes.get(message.outcome) ?? 0) + 1)
      options.onProgress?.(done)
      order()
    })
    app.once('exit', (code, signal) => {
      if (signal === 'SIGKILL') {
        kills += 1
        for (const workflow of running) killed.add(workflow)
      } else if (code !== 0) problems.push(`the app ended with ${code}`)
      end()
    })
    order()
    await ended
  }
  schedule.stop()
  await providers.finishCalls()

  // Somebody looks into it the next day: holds have healed, and prices have come.
  const box = openBox(store, providers.addresses, {
    clock: () => Date.now() + HOURS_LATER,
    onError: (error) => problems.push(String(error)),
  })
  try {
    const reconciled = await reconcileAll(box)
    while ((await box.ledger.sweep()) > 0) {}
    const audited = await audit(box, accountIds, providers.loopbacks, killed)
    const requests = Object.values(providers.loopbacks).reduce((sum, loopback) => sum + loopback.requests.length, 0)
    return { ...audited, workflows, kills, requests, faults: schedule.struck, outcomes, reconciled, problems }
  } finally {
    await box.close()
    await providers.close()
  }
}

async function openAccounts(store: Store, addresses: AppSetup['addresses']): Promise<string[]> {
  const box = openBox(store, addresses)
  await box.migrate()
  const accountIds: string[] = []
  for (const balance of BALANCES) {
    const { accountId } = await box.ledger.openAccount({ name: `has ${balance}` })
    await box.ledger.grant({ accountId, amount: credits(balance) })
    accountIds.push(accountId)
  }
  await box.close()
  return accountIds
}

/** Most of the work is for whoever can pay. */
function accountOf(workflow: number, accountIds: readonly string[]): string {
  return accountIds[workflow % 7 === 3 ? 1 : workflow % 11 === 5 ? 2 : 0] as string
}

async function startApp(setup: AppSetup): Promise<ChildProcess> {
  const app = fork(join(import.meta.dirname, 'app-process.ts'), [JSON.stringify(setup)], {
    execArgv: ['--conditions=farebox-source'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await once(app, 'message')
  return app
}

/** Until nothing is set right any more: prices come one look after the other. */
async function reconcileAll(box: ReturnType<typeof openBox>): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (let pass = 0; pass < 6; pass += 1) {
    const { differences } = await box.reconcile()
    for (const { type } of differences) found.set(type, (found.get(type) ?? 0) + 1)
    if (differences.length === 0) break
  }
  return found
}
