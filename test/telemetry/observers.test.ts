import { simulated } from '@farebox/providers/simulated'
import type { CallObserver, CallWatcher } from 'farebox'
import { expect, it } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'

const ask = { messages: [{ role: 'user' as const, content: 'When do you open?' }] }
const fail = (): never => {
  throw new Error('the collector is gone')
}

const failing: Record<string, CallWatcher['run']> = {
  'fails before it begins the work': fail,
  'fails after it has begun the work': (work) => {
    void work()
    return fail()
  },
  'fails later': (async (work: () => unknown) => {
    await work()
    fail()
  }) as never,
  'begins the work twice': (work) => {
    void work()
    return work()
  },
  'forgets the work': (() => undefined) as never,
}

it.each(Object.entries(failing))('an observer that %s costs the call nothing, and no call is made twice', async (_, run) => {
  const adapter = simulated()
  let calls = 0
  const counted: typeof adapter = {
    ...adapter,
    chat: (...asked) => {
      calls += 1
      if (!adapter.chat) throw new Error('it cannot chat')
      return adapter.chat(...asked)
    },
  }
  const attempt = { run: run as never, answered: fail }
  const telemetry: CallObserver = { begin: () => ({ run, attempting: () => attempt, attempted: fail, held: fail, ended: fail }) }
  const box = await openBox({ providers: [counted], telemetry })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'help' })
  expect(await workflow.chat(ask)).toMatchObject({ provider: 'gpt-4o-mini' })
  const events = []
  const stream = await workflow.streamChat(ask)
  for await (const event of stream.events) events.push(event)
  await stream.settled
  expect(events.at(-1)).toMatchObject({ type: 'finish' })
  expect(calls).toBe(1)
  expect(await box.ledger.usageOf(accountId, workflow.id)).toHaveLength(2)
  await workflow.close()
})
