import { simulated } from '@farebox/providers/simulated'
import { type CallObserver, type CallWatcher, credits } from 'farebox'
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
  const unhandled = unhandledRejections()
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

const failingListeners: [how: string, listener: () => void][] = [
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
]

/** What nobody awaited and failed since. */
function unhandledRejections(): unknown[] {
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  return unhandled
}

it.each(failingListeners)('an onError that %s ends neither the process nor a request', async (_, onError) => {
  const unhandled = unhandledRejections()
  const box = await openBox({ onError })
  const { key } = await openAccount(box)
  box.background(Promise.reject(new Error('away')))
  box.background(Promise.reject(new Error('away')), onError)
  const api = await serveApi(box, key, { onError })
  vi.spyOn(box.ledger, 'breakdowns').mockRejectedValue(new Error('broken'))
  const { status, body } = await api.get('/api/v1/usage')
  expect([status, body.code]).toEqual([500, 'INTERNAL'])
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
})

it.each(failingListeners)('a listener that %s ends neither the work nor the process, and is told', async (_, onLow) => {
  const unhandled = unhandledRejections()
  const errors: unknown[] = []
  const box = await openBox({ providers: [simulated()], onError: (error) => errors.push(error) })
  const { accountId } = await openAccount(box, { balance: credits(40) })
  const workflow = box.workflow({ accountId, name: 'call' })
  const again = { idempotencyKey: 'k', onReplayed: onLow }
  for (let times = 0; times < 2; times += 1) await workflow.record('phone', 'twilio', 1, 'seconds', again)
  const time = await workflow.meter({ service: 'phone', provider: 'twilio', onLow, onSpent: onLow })
  for (let second = 1; !time.isSpent; second += 1) await time.reached(second)
  expect(await time.end()).toMatchObject({ creditsUsed: expect.any(BigInt) })
  async function* sound() {
    yield new Uint8Array(16_000)
  }
  const format = { encoding: 'pcm_s16le' as const, sampleRate: 8_000 }
  const { settled } = await workflow.listen({ audio: sound(), format, lowSeconds: 3_600, onLow })
  expect(await settled).toMatchObject({ endedBy: 'input' })
  await workflow.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect([errors.map(String), unhandled]).toEqual([Array(4).fill('Error: the collector is gone'), []])
})
