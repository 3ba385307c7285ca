import { setTimeout as sleep } from 'node:timers/promises'
import { credits, quantity } from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { type Asked, Diary, make, type Told } from './diary.ts'
import { type Location, openLedger } from './open-ledger.ts'

/** An app server under load: many callers that hold, settle, charge and refund, until it is told to stop, or is killed. */
const [kind, location, diaryFile, name, ...accountIds] = process.argv.slice(2)
if (!location || !diaryFile || !process.send)
  throw new Error('started by a test, with a driver, a location, a diary, a name and accounts')

const CALLERS = 16
/** Short, so that holds of callers that are gone heal while the test waits. */
const HOLD_MS = { ttlMs: 400, graceMs: 100 }

const ledger = openLedger([kind, location] as Location)
const diary = new Diary(diaryFile)
let isToStop = false
let isAtWork = false

/** Asks until there is an answer: the database may be gone for a while. */
async function ask(asked: Asked): Promise<Told> {
  const number = diary.ask(asked)
  for (;;) {
    try {
      const told = await make(ledger, asked)
      diary.tell(number, told)
      if (!isAtWork) process.send?.('at work')
      isAtWork = true
      return told
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) {
        diary.fail(number, error)
        throw error
      }
      await sleep(20)
    }
  }
}

/** One piece of work after another, each a hold and what becomes of it. */
async function caller(index: number): Promise<void> {
  for (let round = 0; !isToStop; round++) {
    const id = `${name}-${index}-${round}`
    const accountId = accountIds[(index + round) % accountIds.length] ?? ''
    const work = { service: 'gpt', provider: 'gpt-4o-mini' }
    const usage = (price: number) => ({ quantity: quantity(100), unit: 'tokens' as const, rated: credits(price) })
    // Some are of one call, which its hold opens and its charge closes.
    const isOneCall = round % 4 === 2
    const workflowId = round % 4 === 0 || isOneCall ? id : undefined
    const opens = { name: 'call', maxCredits: credits(20) }
    if (workflowId && !isOneCall) await ask({ verb: 'openWorkflow', input: { accountId, workflowId, ...opens } })
    const opensWorkflow = isOneCall ? opens : undefined
    const hold = await ask({
      verb: 'placeHold',
      input: { accountId, holdId: id, amount: credits(3), ...work, ...HOLD_MS, workflowId, opensWorkflow },
    })
    if (hold.status !== 'held') continue
    switch (round % 5) {
      case 0:
        await ask({ verb: 'settleHold', input: { accountId, holdId: id, usage: usage(2), closesWorkflow: isOneCall } })
        break
      case 1:
        await ask({ verb: 'settleHold', input: { accountId, holdId: id, usageId: `${id}-part`, usage: usage(1), final: false } })
        await ask({ verb: 'settleHold', input: { accountId, holdId: id, usage: usage(1) } })
        break
      case 2:
        await ask({ verb: 'releaseHold', input: { accountId, holdId: id } })
        await ask({ verb: 'charge', input: { accountId, usageId: `${id}-charge`, ...work, usage: usage(1), overage: 'cap' } })
        break
      case 3:
        // More than was held, and then a part of it back.
        await ask({ verb: 'settleHold', input: { accountId, holdId: id, usage: usage(5) } })
        await ask({ verb: 'refund', input: { accountId, usageId: id, correctionId: `${id}-refund`, amount: credits(1) } })
        break
      default:
        // Forgotten, as by a caller that crashed: it heals by itself.
        break
    }
    if (workflowId) await ask({ verb: 'closeWorkflow', input: { accountId, workflowId } })
  }
}

process.on('message', async (message) => {
  if (message === 'stop') isToStop = true
  if (message !== 'go') return
  await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)))
  await ledger.close()
  diary.close()
  process.disconnect?.()
})
// The test is gone, and nobody will ever say stop.
process.on('disconnect', () => process.exit())
await ledger.ping()
process.send('ready')
