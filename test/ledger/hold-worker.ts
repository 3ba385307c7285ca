import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'

/** One app server among several on the same database: waits for its parent's word, then does as it is told and reports. */
const [kind, location, work, accountId = '', name = ''] = process.argv.slice(2)
if (!location || !process.send) throw new Error('started by a test, with a driver, a location, a job, an account and a name')

const ledger = new Ledger<unknown>(kind === 'sqlite' ? sqlite({ filename: location }) : postgres({ connectionString: location }))
const report = (message: unknown) => process.send?.(message)

/** Places `count` holds of one credit at once. */
async function placeHolds(count: number): Promise<void> {
  const holds = Array.from({ length: count }, () =>
    ledger.placeHold({ accountId, amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' }),
  )
  const outcomes = await Promise.all(holds)
  report({ held: outcomes.filter(({ status }) => status === 'held').length })
}

/** Charges one credit after another, eight at a time, and names each one that was acknowledged; until it is killed. */
async function chargeForever(): Promise<void> {
  let next = 0
  const caller = async () => {
    for (;;) {
      const usageId = `${name}-${next++}`
      const usage = { quantity: 1_000_000n as never, unit: 'tokens' as const, rated: credits(1) }
      await ledger.charge({ accountId, usageId, service: 'gpt', provider: 'gpt-4o-mini', usage })
      report({ charged: usageId })
    }
  }
  await Promise.all(Array.from({ length: 8 }, caller))
}

process.on('message', async () => {
  if (work === 'charge') await chargeForever()
  await placeHolds(Number(work))
  await ledger.close()
  process.disconnect?.()
})
await ledger.balance(accountId)
report({ ready: true })
