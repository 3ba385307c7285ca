import { simulated } from '@farebox/providers/simulated'
import type { CallObserver, CallWatcher } from 'farebox'
import { expect, it, onTestFinished, vi } from 'vitest'
import { serveApi } from '../farebox/api-client.ts'
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

it('an observer, or a logger, that fails later ends neither the call nor the process', async () => {
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  let told = 0
  const later = async () => {
    told += 1
    throw new Error('the collector is gone')
  }
  const telemetry: CallObserver = { begin: () => ({ attempted: later, held: later, ended: later }), recorded: later }
  const logger = { debug: later, info: later, warn: later, error: later }
  const box = await openBox({ providers: [simulated()], telemetry, logger })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'help' })
  expect(await workflow.chat(ask)).toMatchObject({ provider: 'gpt-4o-mini' })
  await workflow.record('phone', 'twilio', 1, 'minutes')
  await workflow.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect([told > 5, unhandled]).toEqual([true, []])
})

it.each([
  [
    'throws',
    () => {
      throw new Error('the collector is gone')
    },
  ],
  [
    'fails later',
    async () => {
      throw new Error('the collector is gone')
    },
  ],
])('an onError that %s ends neither the process nor a request', async (_, onError) => {
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  const box = await openBox({ onError })
  const { key } = await openAccount(box)
  box.background(Promise.reject(new Error('away')))
  const api = await serveApi(box, key, { onError })
  vi.spyOn(box.ledger, 'breakdowns').mockRejectedValue(new Error('broken'))
  const { status, body } = await api.get('/api/v1/usage')
  expect([status, body.code]).toEqual([500, 'INTERNAL'])
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
})
