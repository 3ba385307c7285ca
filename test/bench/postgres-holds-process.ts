import { credits } from '@farebox/core'
import { Ledger, type QueueStats } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { throughput } from './measure.ts'

/** Holds to place, one after another by each of `callers`, on the first `accounts` accounts in turn. */
export interface Task {
  callers: number
  operations: number
  accounts: number
}

export interface TaskReport {
  durationMs: number
  stats: QueueStats
}

/** One app server with a ledger of its own: does what its parent sends, until the parent lets go of it. */
const url = process.argv[2]
if (url && process.send) {
  const ledger = new Ledger(postgres({ connectionString: url }))
  process.on('message', async ({ callers, operations, accounts }: Task) => {
    const before = ledger.queueStats()
    const started = performance.now()
    await throughput(callers, operations, async (index) => {
      const accountId = `account-${(index * 7919) % accounts}`
      const hold = await ledger.placeHold({ accountId, amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' })
      if (hold.status !== 'held') throw new Error(hold.reason)
    })
    const durationMs = performance.now() - started
    const after = ledger.queueStats()
    const since = (name: keyof QueueStats) => after[name] - before[name]
    const stats = { ...after, batches: since('batches'), operations: since('operations'), waitMsSum: since('waitMsSum') }
    process.send?.({ durationMs, stats } satisfies TaskReport)
  })
  process.on('disconnect', () => void ledger.close())
  await ledger.accounts({ limit: 1 })
  process.send('ready')
}
