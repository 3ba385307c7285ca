import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ChatEvent, credits, type ProviderAdapter, ProviderError } from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox } from 'farebox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { serveApi } from './api-client.ts'
import { openAccount, openBeside, openBox, openDriver, storeNames } from './open-box.ts'

const underOneKey = { 'idempotency-key': 'once' }
/** What hosts set whose answers take long. */
const deadlines = { totalMs: 3_600_000, betweenEventsMs: 3_600_000 }

/** A provider that begins to answer at once, and ends when it is let. */
function slowProvider() {
  const { promise: gate, resolve: letGo } = Promise.withResolvers<void>()
  const chat = simulated({ services: ['gpt'] })
  const asked: string[] = []
  const provider: ProviderAdapter = {
    ...chat,
    async *streamChat(request, context): AsyncGenerator<ChatEvent> {
      asked.push(request.model)
      for await (const event of chat.streamChat?.(request, context) ?? []) {
        if (event.type === 'finish') await gate
        yield event
      }
    },
  }
  return { provider, asked, letGo }
}

it.each(storeNames)('a run that goes on is never begun again, however long it takes, by whatever process: on %s', async (on) => {
  let now = Date.now()
  const { provider, asked, letGo } = slowProvider()
  const options = { providers: [provider], deadlines, clock: () => now }
  const box = await openBox({ on, ...options })
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const beside = await serveApi(openBeside(box, options), key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = (at: typeof api) => at.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello', stream: true }, underOneKey)
  const first = ask(api)
  await expect.poll(() => asked).toHaveLength(1)
  await expect.poll(async () => (await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)

  now += 11 * 60_000
  const inProgress = { status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } }
  expect(await ask(beside)).toMatchObject(inProgress)
  expect(await ask(api)).toMatchObject(inProgress)
  letGo()
  expect((await first).status).toBe(200)
  await expect.poll(async () => (await ask(beside)).status).toBe(200)
  const again = await ask(beside)
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(asked).toHaveLength(1)
  expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

it('a run that died before it had charged anything is begun again', async () => {
  let now = Date.now()
  let isIll = true
  const failures = () => (isIll ? ({ kind: 'unavailable' } as const) : undefined)
  const box = await openBox({ clock: () => now, providers: [simulated({ failures })] })
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = () => api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, underOneKey)
  const { saveDocument } = box.ledger
  box.ledger.saveDocument = (input, call) =>
    input.kind === 'run_end' ? Promise.reject(new Error('the process died')) : saveDocument.call(box.ledger, input, call)
  expect((await ask()).status).toBe(502)
  box.ledger.saveDocument = saveDocument
  isIll = false
  expect(await ask()).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
  now += 11 * 60_000
  expect((await ask()).status).toBe(200)
  expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

it('a run that waits in this process before it holds anything is not begun again beside itself', async () => {
  let now = Date.now()
  const clock = () => now
  const { provider, asked, letGo } = slowProvider()
  const box = await openBox({ clock, storeClock: clock, providers: [provider] })
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = () => api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello', stream: true }, underOneKey)
  letGo()
  const { promise: free, resolve: goOn } = Promise.withResolvers<void>()
  onTestFinished(() => goOn())
  const { placeHold } = box.ledger
  let waiting = 0
  box.ledger.placeHold = async (input, call) => {
    waiting += 1
    await free
    return placeHold.call(box.ledger, input, call)
  }
  const first = ask()
  await expect.poll(() => waiting).toBe(1)
  now += 11 * 60_000
  const second = ask()
  await expect.poll(async () => waiting > 1 || (await second).status).toBe(409)
  goOn()
  expect((await first).status).toBe(200)
  expect(asked).toHaveLength(1)
  expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

it('a run without a sign of life counts as under way for ten minutes, and no longer', async () => {
  let now = Date.now()
  const clock = () => now
  const box = await openBox({ clock, storeClock: clock, providers: [simulated({ failures: () => ({ kind: 'unavailable' }) })] })
  const api = await serveApi(box, (await openAccount(box)).key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = () => api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, underOneKey)
  const { saveDocument } = box.ledger
  box.ledger.saveDocument = (input, call) =>
    input.kind === 'run_end' ? Promise.reject(new Error('the process died')) : saveDocument.call(box.ledger, input, call)
  expect((await ask()).status).toBe(502)
  box.ledger.saveDocument = saveDocument
  now += 10 * 60_000
  expect(await ask()).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
  now += 1
  expect(await ask()).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
})

it('a run whose answer was kept, though the database broke off before it said so, is charged and has that answer', async () => {
  const box = await openBox()
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = () => api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, underOneKey)
  const { saveDocument } = box.ledger
  box.ledger.saveDocument = async (input, call) => {
    const saved = await saveDocument.call(box.ledger, input, call)
    if (input.kind === 'run_end') throw new LedgerUnavailableError('the connection broke', { cause: undefined })
    return saved
  }
  const first = await ask()
  expect(first.status).toBe(200)
  const again = await ask()
  expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true'])
  expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

it('a run that ends while the database is away has its answer kept once that is back', async () => {
  const box = await openBox()
  const { accountId, key } = await openAccount(box)
  const store = openDriver(box)
  const { commit } = store
  let isAway = false
  store.commit = (operations, transaction) =>
    isAway
      ? Promise.reject(new LedgerUnavailableError('the database is away', undefined))
      : commit.call(store, operations, transaction)
  const folder = databaseFolder('back')
  const failures = () => {
    isAway = true
    return undefined
  }
  const spool = { directory: join(folder, 'spool'), retryMs: 20 }
  const beside = createFarebox({ store, providers: [simulated({ failures })], spool })
  onTestFinished(async () => {
    await beside.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const api = await serveApi(beside, key)
  const body = { model: 'auto', messages: [{ role: 'user', content: 'Hello' }] }
  const ask = () => api.post('/v1/chat/completions', body, underOneKey)
  const first = await ask()
  expect(first.status).toBe(200)
  isAway = false
  await expect.poll(async () => (await ask()).headers.get('idempotency-replayed')).toBe('true')
  expect((await ask()).body).toEqual(first.body)
  await expect.poll(async () => (await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

it.each([
  { gotThrough: true, code: 'answer_not_kept' },
  { gotThrough: false, code: 'undefined' },
])('a run in a shared workflow whose charge was in doubt is charged once: %j', async ({ gotThrough, code }) => {
  const box = await openBox()
  const { accountId, key } = await openAccount(box)
  const shared = box.workflow({ accountId, name: 'shared' })
  await shared.open()
  const store = openDriver(box)
  const { commit } = store
  let isAway = false
  const broken = () => new LedgerUnavailableError('the connection broke', undefined)
  store.commit = async (operations, transaction) => {
    if (isAway) throw broken()
    isAway = operations.some(({ verb }) => verb === 'settleHold')
    const outcomes = isAway && !gotThrough ? [] : await commit.call(store, operations, transaction)
    if (isAway) throw broken()
    return outcomes
  }
  const beside = createFarebox({ store, providers: [simulated()] })
  onTestFinished(() => beside.close())
  const api = await serveApi(beside, key)
  const body = { model: 'auto', messages: [{ role: 'user', content: 'Hello' }] }
  const ask = () => api.post('/v1/chat/completions', body, { ...underOneKey, 'x-farebox-workflow-id': shared.id })
  expect(await ask()).toMatchObject({ status: 503, body: { error: { code: 'ledger_unavailable' } } })

  store.commit = commit
  const codeOf = async () => String((await ask()).body.error?.code)
  await expect.poll(codeOf).not.toBe('idempotency_in_progress')
  expect(await codeOf()).toBe(code)
  expect(await box.ledger.usageOf(accountId, shared.id)).toHaveLength(1)
  // Releases the hold of the charge that never came.
  await shared.end()
})

it('a run that failed without a charge is begun again under its key as often as it is asked for', async () => {
  let isIll = true
  const failures = () => (isIll ? ({ kind: 'unavailable' } as const) : undefined)
  const box = await openBox({ providers: [simulated({ failures })] })
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = () => api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, underOneKey)
  for (let count = 0; count < 5; count += 1)
    expect(await ask()).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
  isIll = false
  expect((await ask()).status).toBe(200)
  expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

it.each(storeNames)(
  'a run that was taken for dead and wakes up is not charged beside the one in its place, on %s',
  async (on) => {
    const asleep = Promise.withResolvers<void>()
    const adapter = simulated()
    const slow = {
      ...adapter,
      chat: async (...asked: Parameters<NonNullable<typeof adapter.chat>>) => {
        await asleep.promise
        return (adapter.chat as NonNullable<typeof adapter.chat>)(...asked)
      },
    }
    let now = Date.now()
    const clock = () => now
    const box = await openBox({ on, clock, storeClock: clock, providers: [slow] })
    const { accountId, key } = await openAccount(box)
    const api = await serveApi(box, key)
    const beside = await serveApi(openBeside(box, { clock, storeClock: clock }), key)
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const ask = (at: typeof api) => at.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, underOneKey)
    const first = ask(api)
    await expect.poll(async () => (await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)

    // As for a process that was suspended: its hold has expired meanwhile.
    now += 4 * 3_600_000
    const second = await ask(beside)
    expect(second.status).toBe(200)
    asleep.resolve()
    expect(await first).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
    for (const at of [api, beside]) expect((await ask(at)).body).toEqual(second.body)
    expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
  },
)

it('a run that wakes up and ends just as it is taken for dead has the answer, and no other is begun', async () => {
  const asleep = Promise.withResolvers<void>()
  const adapter = simulated()
  const slow: ProviderAdapter = {
    ...adapter,
    chat: async (...asked) => {
      await asleep.promise
      return (adapter.chat as NonNullable<typeof adapter.chat>)(...asked)
    },
  }
  let now = Date.now()
  const clock = () => now
  const box = await openBox({ clock, storeClock: clock, providers: [slow] })
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const otherBox = openBeside(box, { clock, storeClock: clock })
  const beside = await serveApi(otherBox, key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = (at: typeof api) => at.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, underOneKey)
  const first = ask(api)
  await expect.poll(async () => (await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)

  now += 4 * 3_600_000
  const { saveDocument } = otherBox.ledger
  otherBox.ledger.saveDocument = async (input, call) => {
    if (input.kind === 'run_end') {
      asleep.resolve()
      await first
    }
    return saveDocument.call(otherBox.ledger, input, call)
  }
  expect(await ask(beside)).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
  expect((await first).status).toBe(200)
  expect((await ask(beside)).body).toEqual((await first).body)
  expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

it('a run that slept before it held anything charges nothing beside the one in its place, also if it dies then', async () => {
  let now = Date.now()
  const clock = () => now
  const box = await openBox({ clock, storeClock: clock })
  const { accountId, key } = await openAccount(box)
  const sleeper = openBeside(box, { clock, storeClock: clock })
  const [api, beside] = [await serveApi(sleeper, key), await serveApi(box, key)]
  const { agent_id } = (await beside.post('/api/v1/agent/create', {})).body
  const ask = (at: typeof api) => at.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, underOneKey)
  const { promise: asleep, resolve: wake } = Promise.withResolvers<void>()
  const { promise: died, resolve: die } = Promise.withResolvers<string>()
  onTestFinished(() => wake())
  const { placeHold, saveDocument } = sleeper.ledger
  let isAsleep = false
  sleeper.ledger.placeHold = async (input, call) => {
    isAsleep = true
    await asleep
    return placeHold.call(sleeper.ledger, input, call)
  }
  sleeper.ledger.saveDocument = (input, call) => {
    if (input.kind !== 'run_end') return saveDocument.call(sleeper.ledger, input, call)
    die('died')
    return Promise.reject(new Error('the process died'))
  }
  const first = ask(api)
  await expect.poll(() => isAsleep).toBe(true)

  now += 11 * 60_000
  const second = await ask(beside)
  expect(second.status).toBe(200)
  wake()
  expect(await died).toBe('died')
  await first
  expect((await ask(beside)).body).toEqual(second.body)
  expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000 - 1))
})

describe.each(storeNames)('a run whose charges wait in the spool of a process that died, on %s', (on) => {
  const path = '/v1/chat/completions'
  const body = { model: 'auto', messages: [{ role: 'user', content: 'Hello' }] }

  /** A request that was answered when the database had gone, by a process that died then. */
  async function dead() {
    let now = Date.now()
    const clock = () => now
    const options = { clock, failedAttempts: 'charged', retries: { backoffMs: 1 } } as const
    const box = await openBox({ on, storeClock: clock, ...options })
    const { accountId, key } = await openAccount(box)
    const folder = databaseFolder('dead')
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const refused: string[] = []
    const spool = {
      directory: join(folder, 'spool'),
      retryMs: 60_000,
      onRefused: (_: object, reason: string) => refused.push(reason),
    }

    const store = openDriver(box)
    const { commit } = store
    let isAway = false
    store.commit = (operations, transaction) =>
      isAway
        ? Promise.reject(new LedgerUnavailableError('the database is away', undefined))
        : commit.call(store, operations, transaction)
    const adapter = simulated()
    let calls = 0
    const provider: ProviderAdapter = {
      ...adapter,
      async chat(...asked) {
        calls += 1
        const answer = await (adapter.chat as NonNullable<typeof adapter.chat>)(...asked)
        if (calls === 1) throw new ProviderError('not now', { provider: adapter.name, kind: 'unavailable', usage: answer.usage })
        isAway = true
        return answer
      },
    }
    const died = createFarebox({ ...options, store, providers: [provider], spool })
    expect((await (await serveApi(died, key)).post(path, body, underOneKey)).status).toBe(200)
    expect(readdirSync(spool.directory)).toHaveLength(2)

    now += 4 * 3_600_000
    const other = openBeside(box, { storeClock: clock, ...options })
    const api = await serveApi(other, key)
    return {
      other,
      refused,
      ask: (idempotencyKey = 'once') => api.post(path, body, { 'idempotency-key': idempotencyKey }),
      spent: async () => credits(10_000) - (await box.ledger.balance(accountId)).balance,
      /** Starts the process again that died. */
      restart: async () => {
        const restarted = openBeside(box, { storeClock: clock, ...options, spool })
        expect(await restarted.ledger.sendSpooled()).toMatchObject({ waiting: 0 })
      },
    }
  }

  it('is charged once, where another has taken its place before they are sent', async () => {
    const { refused, ask, spent, restart } = await dead()
    expect((await ask()).status).toBe(200)
    const once = await spent()
    expect(once).toBeGreaterThan(0n)
    await restart()
    expect(await spent()).toBe(once)
    expect(refused).toHaveLength(2)
    const again = await ask()
    expect([again.status, again.headers.get('idempotency-replayed'), await spent()]).toEqual([200, 'true', once])
  })

  it('is not begun again once they were sent', async () => {
    const { ask, spent, restart } = await dead()
    await restart()
    const charged = await spent()
    expect(charged).toBeGreaterThan(0n)
    expect(await ask()).toMatchObject({ status: 409, body: { error: { code: 'answer_not_kept' } } })
    expect(await spent()).toBe(charged)
  })

  it('is charged once, where they are sent just as another takes its place', async () => {
    const { other, refused, ask, spent, restart } = await dead()
    const { holdsOf } = other.ledger
    other.ledger.holdsOf = async (...which) => {
      await restart()
      return holdsOf.apply(other.ledger, which)
    }
    expect((await ask()).status).toBe(200)
    const once = await spent()
    expect((await ask('another')).status).toBe(200)
    expect([await spent(), refused]).toEqual([once * 2n, []])
  })

  it('is charged once, where the process dies that begins another in its place', async () => {
    const { other, refused, ask, spent, restart } = await dead()
    const { holdsOf } = other.ledger
    other.ledger.holdsOf = () => Promise.reject(new LedgerUnavailableError('the process died', undefined))
    expect((await ask()).status).toBe(503)
    other.ledger.holdsOf = holdsOf
    expect((await ask()).status).toBe(200)
    const once = await spent()
    await restart()
    expect([await spent(), refused.length]).toEqual([once, 2])
  })
})
