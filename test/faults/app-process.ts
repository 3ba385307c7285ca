import { dice } from './dice.ts'
import { openBox, type Store } from './open-box.ts'
import type { Addresses } from './providers.ts'
import { doWork } from './work.ts'

/** What an app process is told at its start. */
export interface AppSetup {
  store: Store
  addresses: Addresses
  seed: number
}

/** What it tells: that a workflow is done, with its outcome, or that something happened that never should. */
export type AppMessage = { done: number; accountId: string; outcome: string } | { problem: string } | { ready: true }

/** What it is told to do: one workflow for an account, or to end when those under way have. */
export type AppOrder = { workflow: number; accountId: string } | { stop: true }

const setup = JSON.parse(process.argv[2] ?? '{}') as AppSetup
const tell = (message: AppMessage) => process.send?.(message)
const box = openBox(setup.store, setup.addresses, { onError: (error) => tell({ problem: `nobody awaited: ${describe(error)}` }) })
const running = new Set<Promise<void>>()

process.on('unhandledRejection', (error) => tell({ problem: `unhandled: ${describe(error)}` }))
process.on('message', (order: AppOrder) => {
  if ('stop' in order) return void stop()
  const done = run(order).finally(() => running.delete(done))
  running.add(done)
})
process.on('disconnect', () => process.exit(0))
tell({ ready: true })

async function run({ workflow: number, accountId }: { workflow: number; accountId: string }): Promise<void> {
  try {
    const workflow = box.workflow({ accountId, workflowId: `w${number}`, name: 'bench' })
    const outcome = await doWork(workflow, number, dice(setup.seed + number))
    if (workflow.isOpened) await workflow.close()
    tell({ done: number, accountId, outcome })
  } catch (error) {
    tell({ problem: `workflow ${number}: ${describe(error)}` })
    tell({ done: number, accountId, outcome: 'broken' })
  }
}

async function stop(): Promise<void> {
  await Promise.allSettled(running)
  await box.close()
  process.disconnect?.()
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.stack ?? error.message}`.split('\n').slice(0, 4).join(' | ') : String(error)
}
