import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { nanoUsd, type ProviderAdapter, ProviderError, quantity } from '@farebox/core'
import { LedgerOverloadedError, LedgerUnavailableError } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { PriceBook } from '@farebox/pricing'
import { type SimulatedCall, type SimulatedOptions, simulated } from '@farebox/providers/simulated'
import Database from 'better-sqlite3'
import { createFarebox, credits, type FareboxOptions, presets } from 'farebox'
import { expect, it, onTestFinished, vi } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { type ApiAnswer, serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

it('without its database nothing is served that costs, and operators are told', async () => {
  let calls = 0
  const failures = () => {
    calls += 1
    return undefined
  }
  const logged: object[] = []
  const box = createFarebox({
    store: postgres({ connectionString: `postgres://nobody@127.0.0.1:${await closedPort()}/nothing` }),
    providers: [simulated({ failures })],
    logger: { ...console, error: (facts) => logged.push(facts) },
  })
  onTestFinished(() => box.close())
  const api = await serveApi(box, 'fbx_a_key', { adminToken: 'admin-token' })
  const answers = [
    await api.get('/readyz'),
    await api.get('/api/v1/credits'),
    await api.post('/api/v1/workflows', { workflow_name: 'work' }),
    await api.post('/api/v1/agent/a/chat', { message: 'hello' }),
    await api.as('admin-token').post('/api/v1/admin/accounts', { name: 'Ada', credits: 5 }),
  ]
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'LEDGER_UNAVAILABLE' } })
    expect(answer.headers.get('retry-after')).toBe('1')
  }
  expect((await api.get('/healthz')).status).toBe(200)
  expect((await api.get('/api/v1/prices')).status).toBe(200)
  expect(calls).toBe(0)
  expect(logged[1]).toMatchObject({ method: 'GET', path: '/api/v1/credits', status: 503, code: 'LEDGER_UNAVAILABLE' })
  expect(JSON.stringify(logged)).not.toContain('nobody@')
  const metrics = String((await api.get('/metrics')).body)
  expect(metrics).toContain('\nfarebox_store_up 0\n')
  expect(metrics).not.toContain('farebox_outbox_waiting')
})

it('a database that answers and takes no changes is not ready, until it takes them again', async () => {
  const database = new Database(':memory:')
  const box = createFarebox({ store: sqlite({ database }), providers: [simulated()] })
  onTestFinished(async () => {
    await box.close()
    database.close()
  })
  await box.migrate()
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const state = async () => [
    (await api.get('/readyz')).status,
    /farebox_store_up \d/.exec(String((await api.get('/metrics')).body))?.[0],
  ]
  expect(await state()).toEqual([200, 'farebox_store_up 1'])
  database.pragma('query_only = ON')
  const grant = () => box.ledger.grant({ accountId, amount: credits(1) })
  await expect(grant()).rejects.toThrow(LedgerUnavailableError)
  expect(await state()).toEqual([503, 'farebox_store_up 0'])
  expect((await api.get('/api/v1/credits')).status).toBe(200)
  database.pragma('query_only = OFF')
  expect(await state()).toEqual([200, 'farebox_store_up 1'])
  expect(await box.ledger.health.read()).toEqual([])
  await grant()
})

it('an answer whose charge cannot be written is given all the same, and charged once the database is back', async () => {
  const folder = databaseFolder('spool')
  const filename = join(folder, 'credits.db')
  const directory = join(folder, 'spool')
  let another: Database.Database | undefined
  const warned: unknown[] = []
  const box = createFarebox({
    logger: { ...console, debug: () => {}, warn: (facts, message) => warned.push([message, facts]) },
    store: sqlite({ filename, busyTimeoutMs: 30 }),
    // The provider is asked between the hold and the charge.
    providers: [simulated({ failures: () => void another?.exec('BEGIN IMMEDIATE') })],
    spool: { directory, retryMs: 20 },
  })
  onTestFinished(async () => {
    another?.close()
    await box.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await box.migrate()
  const { accountId } = await openAccount(box)
  const { balance } = await box.ledger.balance(accountId)
  const workflow = box.workflow({ accountId, name: 'away' })
  await workflow.open()
  another = new Database(filename)
  const answer = await workflow.chat({ messages: [{ role: 'user', content: 'hello' }] })
  expect(answer.text).not.toBe('')
  expect(readdirSync(directory)).toHaveLength(1)
  const holdId = expect.any(String)
  expect(warned).toEqual([
    ['the database is unreachable: usage was spooled', { account_id: accountId, workflow_id: workflow.id, hold_id: holdId }],
  ])
  const metrics = await (await box.routes()(new Request('http://box/metrics'))).text()
  expect(metrics).toContain('\nfarebox_spool_waiting 1\n')
  expect((await box.ledger.balance(accountId)).balance).toBe(balance)
  another.exec('COMMIT')
  await expect.poll(() => readdirSync(directory)).toEqual([])
  expect((await box.ledger.balance(accountId)).balance).toBe(balance - answer.creditsUsed)
  expect(await workflow.close()).toMatchObject({ total_credits_used: Number(answer.creditsUsed / 1_000_000n) })
})

it.each([
  ['whole', {}],
  ['streamed', { stream: true }],
])('an agent’s %s answer whose database went away meanwhile waits for it with its receipt, and is kept', async (_, how) => {
  const folder = databaseFolder('back')
  const store = sqlite({ filename: join(folder, 'credits.db') })
  const commit = store.commit.bind(store)
  let isAway = false
  store.commit = async (operations, transaction) => {
    if (!isAway) return commit(operations, transaction)
    // It is back after the workflow could not be closed.
    isAway = operations.every(({ verb }) => verb !== 'closeWorkflow')
    throw new LedgerUnavailableError('the database is away')
  }
  const providers = [
    simulated({
      failures: () => {
        isAway = true
        return undefined
      },
    }),
  ]
  const box = createFarebox({ store, providers, spool: { directory: join(folder, 'spool'), retryMs: 3_600_000 } })
  onTestFinished(async () => {
    await box.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await box.migrate()
  const { accountId, key } = await openAccount(box)
  const before = (await box.ledger.balance(accountId)).balance
  await box.agents.create({ accountId, agentId: 'a' })
  const api = await serveApi(box, key)
  const ask = () => api.post('/api/v1/agent/a/chat', { message: 'hello', ...how }, { 'idempotency-key': 'once' })
  const answer = await ask()
  expect(answer.status).toBe(200)
  const [, used] = /"total_credits_used":(\d+)/.exec(JSON.stringify(answer.body).replaceAll('\\', '')) ?? []
  expect(Number(used)).toBeGreaterThan(0)
  expect(await box.ledger.balance(accountId)).toMatchObject({ balance: before - credits(Number(used)), held: 0n })
  const again = await ask()
  expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
  expect((await box.ledger.verify(accountId)).mismatches).toEqual([])
})

/** A Farebox with a spool that is not sent by itself, an account with an agent, and what is said to that. */
async function openVoice({
  folder,
  failures,
  ...options
}: Pick<FareboxOptions, 'store' | 'onError'> & Pick<SimulatedOptions, 'failures'> & { folder: string }) {
  const spool = { directory: join(folder, 'spool'), retryMs: 3_600_000 }
  const box = createFarebox({ ...options, providers: [simulated({ failures })], spool })
  onTestFinished(async () => {
    await box.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await box.migrate()
  const { accountId, key } = await openAccount(box)
  const { balance } = await box.ledger.balance(accountId)
  await box.agents.create({ accountId, agentId: 'a' })
  const body = readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url))
  return { box, accountId, key, balance, api: await serveApi(box, key), body }
}

it('a run that failed is refunded also where a charge of it was still in the spool', async () => {
  const folder = databaseFolder('refunded')
  const store = sqlite({ filename: join(folder, 'credits.db') })
  const commit = store.commit.bind(store)
  let isAway = false
  store.commit = (operations, transaction) =>
    isAway && operations.some(({ verb }) => verb === 'settleHold')
      ? Promise.reject(new LedgerUnavailableError('the database is away'))
      : commit(operations, transaction)
  const failures = ({ offer }: SimulatedCall) => {
    isAway = offer.service === 'voice_stt'
    return offer.service === 'gpt' ? ({ kind: 'unavailable' } as const) : undefined
  }
  const { box, accountId, key, balance, api, body } = await openVoice({ folder, store, failures })
  const answer = await fetch(`${api.url}/api/v1/agent/a/voice`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'audio/wav' },
    body,
  })
  expect(answer.status).toBe(502)
  expect(await box.ledger.spooled()).toBe(0)
  expect(await box.ledger.balance(accountId)).toMatchObject({ balance, held: 0n })
  expect((await box.ledger.verify(accountId)).mismatches).toEqual([])
})

it('a call that failed while the database was away leaves nothing held once it is back', async () => {
  const store = sqlite({ filename: ':memory:' })
  const commit = store.commit.bind(store)
  let isAway = false
  store.commit = (operations, transaction) =>
    isAway ? Promise.reject(new LedgerUnavailableError('the database is away')) : commit(operations, transaction)
  // A network that fails takes both away.
  const failures = () => {
    isAway = true
    return { kind: 'unavailable' } as const
  }
  const box = createFarebox({ store, providers: [simulated({ failures })] })
  onTestFinished(() => box.close())
  await box.migrate()
  const { accountId } = await openAccount(box)
  const { balance } = await box.ledger.balance(accountId)
  const workflow = box.workflow({ accountId, name: 'work' })
  // Its fallback would have cost more, for which the hold could not be made larger.
  await expect(workflow.chat({ messages: [{ role: 'user', content: 'hello' }] })).rejects.toThrow(LedgerUnavailableError)
  isAway = false
  expect((await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)
  await expect.poll(async () => (await box.ledger.balance(accountId)).held, { timeout: 10_000 }).toBe(0n)
  expect(await box.ledger.balance(accountId)).toMatchObject({ balance, available: balance })
  expect((await box.ledger.verify(accountId)).mismatches).toEqual([])
})

it('a key whose request found the database away can be used again when it is back', async () => {
  const store = sqlite({ filename: ':memory:' })
  const commit = store.commit.bind(store)
  let isAway = false
  store.commit = (operations, transaction) => {
    // The run was begun when the database went away.
    if (operations.some(({ verb }) => verb === 'placeHold') && !hasFailed) isAway = hasFailed = true
    return isAway ? Promise.reject(new LedgerUnavailableError('the database is away')) : commit(operations, transaction)
  }
  let hasFailed = false
  const box = createFarebox({ store, providers: [simulated()] })
  onTestFinished(() => box.close())
  await box.migrate()
  const { accountId, key } = await openAccount(box)
  await box.agents.create({ accountId, agentId: 'a' })
  const api = await serveApi(box, key)
  const ask = async () => (await api.post('/api/v1/agent/a/chat', { message: 'hello' }, { 'idempotency-key': 'once' })).status
  expect(await ask()).toBe(503)
  isAway = false
  await expect.poll(ask).toBe(200)
  expect(await box.ledger.verify(accountId)).toMatchObject({ usageRecords: 1, mismatches: [] })
})

it('a key whose request the database took without saying so can be used again at once, and works once though two repeat it', async () => {
  const store = sqlite({ filename: ':memory:' })
  const commit = store.commit.bind(store)
  let hasFailed = false
  store.commit = async (operations, transaction) => {
    const outcomes = await commit(operations, transaction)
    // The connection ends between the commit and its answer.
    const isRun = operations.some(({ verb, input }) => verb === 'saveDocument' && 'kind' in input && input.kind === 'run')
    if (!isRun || hasFailed) return outcomes
    hasFailed = true
    throw new LedgerUnavailableError('the answer was lost')
  }
  let calls = 0
  const failures = () => {
    calls += 1
    return undefined
  }
  const box = createFarebox({ store, providers: [simulated({ failures })] })
  onTestFinished(() => box.close())
  await box.migrate()
  const { accountId, key } = await openAccount(box)
  await box.agents.create({ accountId, agentId: 'a' })
  const api = await serveApi(box, key)
  const ask = async () => (await api.post('/api/v1/agent/a/chat', { message: 'hello' }, { 'idempotency-key': 'once' })).status
  expect(await ask()).toBe(503)
  expect(await Promise.all([ask(), ask()])).toContain(200)
  expect(await ask()).toBe(200)
  expect(calls).toBe(1)
  expect(await box.ledger.verify(accountId)).toMatchObject({ usageRecords: 1, mismatches: [] })
})

it('a key whose request the database took without saying so can be used again at another process, and works once', async () => {
  let calls = 0
  let isLost = false
  const { one, two, accountId, ask } = await openTwo({
    failures: () => {
      calls += 1
      return undefined
    },
    // The connection ends between the commit and its answer.
    async commitRun(commit) {
      const outcomes = await commit()
      if (!isLost) return outcomes
      isLost = false
      throw new LedgerUnavailableError('the answer was lost')
    },
  })
  const shared = 'shared'
  await two.workflow({ accountId, workflowId: shared, name: 'shared' }).open()
  const message = { model: 'balanced', messages: [{ role: 'user', content: 'hello' }] }
  const requests = [
    ['/api/v1/agent/a/chat', { message: 'hello' }],
    // A phone must not ring twice, and what a workflow that is shared was charged for is not known.
    ['/api/v1/agent/a/call', { to: '+14155550123', from: '+14155550100', message: 'hello', max_minutes: 1 }],
    ['/v1/chat/completions', message, { 'x-farebox-workflow-id': shared }],
  ] as const
  for (const [index, [path, body, headers]] of requests.entries()) {
    isLost = true
    const request = [path, body, { ...headers, 'idempotency-key': `once${index}` }] as const
    expect((await ask(one, ...request)).status, path).toBe(503)
    await expect.poll(async () => (await ask(two, ...request)).status).toBe(200)
    expect((await ask(one, ...request)).headers.get('idempotency-replayed')).toBe('true')
    expect(calls).toBe(index + 1)
  }
  expect(await one.ledger.verify(accountId)).toMatchObject({ usageRecords: requests.length, mismatches: [] })
})

it('other processes are told of such a key also where the ledger, back again, has too much to do at first', async () => {
  let isLost = true
  const { one, two, ask } = await openTwo({
    async commitRun(commit) {
      const outcomes = await commit()
      if (!isLost) return outcomes
      isLost = false
      throw new LedgerUnavailableError('the answer was lost')
    },
  })
  const overloaded = Promise.withResolvers<void>()
  const save = one.ledger.saveDocument.bind(one.ledger)
  const spy = vi.spyOn(one.ledger, 'saveDocument').mockImplementation(async (input) => {
    if (input.kind !== 'run_refused') return save(input)
    overloaded.resolve()
    throw new LedgerOverloadedError('20000 changes are waiting for the database', 1_000)
  })
  const request = (key: string) => ['/api/v1/agent/a/chat', { message: 'hello' }, { 'idempotency-key': key }] as const
  expect((await ask(one, ...request('lost'))).status).toBe(503)
  await overloaded.promise
  spy.mockRestore()
  expect((await ask(two, ...request('lost'))).status).toBe(409)
  expect((await ask(one, ...request('another'))).status).toBe(200)
  await expect.poll(async () => (await ask(two, ...request('lost'))).status).toBe(200)
})

it('a key whose request was not begun at one process is left to the one that has begun it since', async () => {
  let isAway = true
  const holding = Promise.withResolvers<void>()
  const mayHold = Promise.withResolvers<void>()
  onTestFinished(() => mayHold.resolve())
  const { one, two, accountId, ask } = await openTwo({
    async commitRun(commit) {
      if (!isAway) return commit()
      isAway = false
      throw new LedgerUnavailableError('no connection')
    },
    async commitHold(commit) {
      holding.resolve()
      await mayHold.promise
      return commit()
    },
  })
  const request = ['/api/v1/agent/a/chat', { message: 'hello' }, { 'idempotency-key': 'once' }] as const
  expect((await ask(one, ...request)).status).toBe(503)
  const answer = ask(two, ...request)
  await holding.promise
  expect(await ask(one, ...request)).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
  mayHold.resolve()
  expect((await answer).status).toBe(200)
  expect(await ask(one, ...request)).toMatchObject({ status: 200, body: (await answer).body })
  expect(await one.ledger.verify(accountId)).toMatchObject({ usageRecords: 1, mismatches: [] })
})

type Commit = ReturnType<typeof sqlite>['commit']
type Around = (commit: () => ReturnType<Commit>) => ReturnType<Commit>

/** Two processes, as it were, at one database, with something around the changes that begin keyed runs or hold credits. */
async function openTwo({
  failures,
  commitRun,
  commitHold,
}: {
  failures?: SimulatedOptions['failures']
  commitRun: Around
  commitHold?: Around
}) {
  const filename = join(databaseFolder('two'), 'credits.db')
  const open = () => {
    const store = sqlite({ filename })
    const commit = store.commit.bind(store)
    store.commit = (operations, transaction) => {
      const isRun = operations.some(({ verb, input }) => verb === 'saveDocument' && 'kind' in input && input.kind === 'run')
      const around = isRun ? commitRun : operations.some(({ verb }) => verb === 'placeHold') ? commitHold : undefined
      return around ? around(() => commit(operations, transaction)) : commit(operations, transaction)
    }
    const box = createFarebox({ store, providers: [simulated({ failures })] })
    onTestFinished(() => box.close())
    return box
  }
  const [one, two] = [open(), open()]
  await one.migrate()
  const { accountId, key } = await openAccount(one)
  await one.agents.create({ accountId, agentId: 'a' })
  const apis = new Map([
    [one, await serveApi(one, key)],
    [two, await serveApi(two, key)],
  ])
  const ask = (box: typeof one, path: string, body: unknown, headers: Record<string, string>): Promise<ApiAnswer> => {
    const api = apis.get(box)
    if (!api) throw new Error('not one of the two')
    return api.post(path, body, headers)
  }
  return { one, two, accountId, ask }
}

it('a key whose run failed while the database was away can be used again, and pays for the run that answered', async () => {
  const folder = databaseFolder('unsure')
  const store = sqlite({ filename: join(folder, 'credits.db') })
  const commit = store.commit.bind(store)
  let isAway = false
  let hasFailed = false
  store.commit = (operations, transaction) =>
    isAway ? Promise.reject(new LedgerUnavailableError('the database is away')) : commit(operations, transaction)
  const failures = ({ offer }: SimulatedCall) => {
    // What was understood is in the spool when nobody answers it.
    if (!hasFailed) isAway = true
    return isAway && offer.service === 'gpt' ? ({ kind: 'unavailable' } as const) : undefined
  }
  const { box, accountId, balance, api, body } = await openVoice({ folder, store, failures, onError: () => {} })
  const ask = () => api.post('/api/v1/agent/a/voice', body, { 'idempotency-key': 'once', 'content-type': 'audio/wav' })
  expect((await ask()).status).toBeGreaterThanOrEqual(500)
  expect(await box.ledger.spooled()).toBe(1)
  hasFailed = true
  isAway = false
  await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200)
  const used = Number((await ask()).body.receipt?.total_credits_used)
  expect(used).toBeGreaterThan(0)
  expect(await box.ledger.balance(accountId)).toMatchObject({ balance: balance - credits(used), held: 0n })
  expect(await box.ledger.spooled()).toBe(0)
  expect((await box.ledger.verify(accountId)).mismatches).toEqual([])
})

it('a charge that was written, but whose answer was lost, is asked for again in the same words, and made once', async () => {
  const store = sqlite({ filename: ':memory:' })
  const commit = store.commit.bind(store)
  let losses = 0
  store.commit = async (operations, transaction) => {
    const outcomes = await commit(operations, transaction)
    if (operations.every(({ verb }) => verb !== 'settleHold') || losses === 2) return outcomes
    losses += 1
    throw new LedgerUnavailableError('the connection broke after COMMIT')
  }
  // The first provider fails, so that an attempt that failed is told beside the one that answered.
  const failures = ({ offer }: { offer: { model: string } }) =>
    offer.model === 'gpt-4o-mini' ? { kind: 'unavailable' as const } : undefined
  const box = createFarebox({ store, providers: [simulated({ failures })], retries: { triesMax: 1 } })
  onTestFinished(() => box.close())
  await box.migrate()
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'lost' })
  const before = (await box.ledger.balance(accountId)).balance
  const { creditsUsed } = await workflow.chat({ messages: [{ role: 'user', content: 'hello' }] })
  expect(losses).toBe(2)
  expect(await box.ledger.balance(accountId)).toMatchObject({ balance: before - creditsUsed, held: 0n })
  const records = await box.ledger.usageOf(accountId, workflow.id)
  expect(records.map(({ charged }) => charged)).toEqual([creditsUsed])
  expect(records[0]?.details).toMatchObject({ attempts: [{ outcome: 'failed' }, { outcome: 'succeeded' }] })
})

it('a Farebox that was closed refuses new work', async () => {
  const box = await openBox()
  const { accountId } = await openAccount(box)
  await box.close()
  const work = box.workflow({ accountId, name: 'late' }).chat({ messages: [{ role: 'user', content: 'hello' }] })
  await expect(work).rejects.toMatchObject({ code: 'LEDGER_CLOSED' })
})

it('a Farebox that is closing makes no call that it could not charge', async () => {
  let calls = 0
  const box = createFarebox({
    store: sqlite({ filename: ':memory:' }),
    providers: [simulated({ latencyMs: 20, failures: () => void calls++ })],
  })
  await box.migrate()
  const { accountId, key } = await openAccount(box)
  // Its use is still to be written, which closing waits for.
  const apiKey = await box.authenticate(key)
  const workflow = box.workflow({ accountId, name: 'late', apiKey })
  const closing = box.close()
  const work = workflow.speak({ text: 'hello' })
  await expect(work).rejects.toMatchObject({ code: 'LEDGER_CLOSED' })
  await closing
  expect(calls).toBe(0)
})

/** A port of this machine on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 1
}

it('live work and metered time that ended while the database was away are on the receipt once it is back', async () => {
  const { box, database } = await openBoxThatSpools('live')
  const { accountId } = await openAccount(box)
  const { balance } = await box.ledger.balance(accountId)
  const workflow = box.workflow({ accountId, name: 'away' })
  const time = await workflow.meter({ service: 'phone', provider: 'twilio' })
  async function* audio() {
    yield new Uint8Array(8_000 * 30)
    database.isAway = true
  }
  const stream = await workflow.listen({ audio: audio(), format: { encoding: 'mulaw', sampleRate: 8_000 } })
  const heard = await stream.settled
  const called = await time.end(60)
  expect([heard.creditsUsed > 0n, called.creditsUsed > 0n, await box.ledger.spooled()]).toEqual([true, true, 2])
  database.isAway = false
  const { total_credits_used } = await workflow.close()
  expect(credits(total_credits_used)).toBe(heard.creditsUsed + called.creditsUsed)
  expect(await box.ledger.balance(accountId)).toMatchObject({ balance: balance - credits(total_credits_used), held: 0n })
})

it('what waits in the spool is on the receipt of whoever closes the workflow', async () => {
  const folder = databaseFolder('closed')
  const store = sqlite({ filename: join(folder, 'credits.db') })
  const commit = store.commit.bind(store)
  let isAway = false
  store.commit = (operations, transaction) =>
    isAway && operations.some(({ verb }) => verb === 'settleHold' || verb === 'charge')
      ? Promise.reject(new LedgerUnavailableError('the database is away'))
      : commit(operations, transaction)
  const spool = { directory: join(folder, 'spool'), retryMs: 3_600_000 }
  const box = createFarebox({ store, providers: [simulated()], spool, onError: () => {} })
  onTestFinished(async () => {
    await box.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await box.migrate()
  const { accountId, key } = await openAccount(box)
  const { balance } = await box.ledger.balance(accountId)
  const workflow = box.workflow({ accountId, name: 'recorded' })
  await workflow.open()
  const api = await serveApi(box, key)
  const id = String((await api.post('/api/v1/workflows', { workflow_name: 'asked' })).body.workflow_id)
  isAway = true
  await expect(workflow.record('phone', 'twilio', 3, 'minutes')).rejects.toMatchObject({ code: 'USAGE_SPOOLED' })
  const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }
  const asked = await api.post('/v1/chat/completions', chat, { 'x-farebox-workflow-id': id })
  expect([asked.status, await box.ledger.spooled()]).toEqual([200, 2])
  isAway = false
  const { body } = await api.post(`/api/v1/workflows/${id}/close`)
  const spent = Number(asked.headers.get('x-farebox-credits-used'))
  expect([body.total_credits_used, (await workflow.close()).total_credits_used]).toEqual([spent, 60])
  expect(await box.ledger.balance(accountId)).toMatchObject({ balance: balance - credits(spent + 60), held: 0n })
})

it('usage that was told over HTTP and went to the spool is answered under its key once the database is back', async () => {
  const { box, database } = await openBoxThatSpools('told')
  const { accountId, key } = await openAccount(box, { balance: credits(10) })
  const api = await serveApi(box, key)
  const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'told' })).body
  const usage = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 500, unit_type: 'tokens' }
  const tell = () => api.post(`/api/v1/workflows/${workflow_id}/usage`, usage, { 'idempotency-key': 'once' })
  database.isAway = true
  for (let tries = 0; tries < 2; tries += 1) expect(await tell()).toMatchObject({ status: 503, body: { code: 'USAGE_SPOOLED' } })
  database.isAway = false
  const others = { quantity: quantity(1), unit: 'tokens', rated: credits(9) } as const
  await box.ledger.charge({ accountId, service: 'gpt', provider: 'gpt-4o', usage: others })
  const answer = await tell()
  expect(answer).toMatchObject({ status: 200, body: { credits_used: 1, credit_balance: 0 } })
  expect(answer.headers.get('idempotency-replayed')).toBe('true')
  expect((await api.post(`/api/v1/workflows/${workflow_id}/close`)).body).toMatchObject({ total_credits_used: 1, shortfall: 3 })
})

it('a request whose failed attempt was charged is not begun again, although that charge is still in the spool', async () => {
  let asked = 0
  const failing: ProviderAdapter = {
    ...simulated({ services: ['gpt'] }),
    chat: async () => {
      asked += 1
      const quantities = [{ meter: 'input', quantity: quantity(1_000), unit: 'tokens' as const }]
      const usage = { quantities, certainty: 'exact' as const }
      throw new ProviderError('half an answer', { provider: 'gpt-4o', kind: 'malformed', usage })
    },
  }
  const { box, database } = await openBoxThatSpools('failed', {
    providers: [failing],
    configuration: presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: null, lastResort: false }),
    failedAttempts: 'charged',
  })
  const { accountId, key } = await openAccount(box)
  const { balance } = await box.ledger.balance(accountId)
  const api = await serveApi(box, key)
  const id = String((await api.post('/api/v1/workflows', { workflow_name: 'shared' })).body.workflow_id)
  const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }
  const headers = { 'idempotency-key': 'once', 'x-farebox-workflow-id': id }
  const send = async () => (await api.post('/v1/chat/completions', chat, headers)).status
  database.takesUsage = false
  expect(await send()).toBe(502)
  database.takesUsage = true
  expect(await send()).toBe(409)
  await box.ledger.sendSpooled()
  expect(await send()).toBe(409)
  expect([asked, await box.ledger.balance(accountId)]).toMatchObject([1, { balance: balance - credits(8), held: 0n }])
})

it('a slice is priced after those that are still in the spool', async () => {
  const rates = [{ unit: 'minutes' as const, amount: '20', increment: { first: '1', next: '1' } }]
  const entries = [{ service: 'phone', provider: 'twilio', rates }]
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
  const prices = new PriceBook({ name: 'minutes', currency: 'credits', versions })
  const { box, database } = await openBoxThatSpools('slices', { prices })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'sliced' })
  await workflow.open()
  const slice = (idempotencyKey: string) => workflow.record('phone', 'twilio', 20, 'seconds', { call: 'a', idempotencyKey })
  database.isAway = true
  await expect(slice('first')).rejects.toMatchObject({ code: 'USAGE_SPOOLED' })
  database.isAway = false
  const paid = [await slice('second'), await slice('first')]
  expect(paid.map(({ creditsUsed }) => creditsUsed)).toEqual([0n, credits(20)])
  expect((await workflow.close()).total_credits_used).toBe(20)
})

it('slices that all go to the spool cost what the whole call would, and one that is told again is the same one', async () => {
  const rates = [{ unit: 'minutes' as const, amount: '20', increment: { first: '1', next: '1' } }]
  const entries = [{ service: 'phone', provider: 'twilio', rates }]
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
  const prices = new PriceBook({ name: 'minutes', currency: 'credits', versions })
  let now = Date.now()
  const { box, database } = await openBoxThatSpools('spooled', { prices, clock: () => (now += 1_000) })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'sliced' })
  await workflow.open()
  const slice = (idempotencyKey: string) => workflow.record('phone', 'twilio', 20, 'seconds', { call: 'a', idempotencyKey })
  database.isAway = true
  for (const key of ['first', 'second', 'first', 'second'])
    await expect(slice(key)).rejects.toMatchObject({ code: 'USAGE_SPOOLED' })
  database.isAway = false
  expect(await box.ledger.sendSpooled()).toEqual({ sent: 4, refused: 0, waiting: 0 })
  expect(await slice('first')).toMatchObject({ creditsUsed: credits(20) })
  expect((await workflow.close()).total_credits_used).toBe(20)
})

it('metered time whose charge is still in the spool sets aside what that will take as well', async () => {
  const { box, database } = await openBoxThatSpools('meter')
  // Two minutes.
  const { accountId } = await openAccount(box, { balance: credits(40) })
  const workflow = box.workflow({ accountId, name: 'away' })
  const time = await workflow.meter({ service: 'phone', provider: 'twilio' })
  for (let second = 1; second < 60; second += 1) await time.reached(second)
  database.isAway = true
  await time.reached(60)
  for (let second = 61; second < 66; second += 1) await time.reached(second)
  database.isAway = false
  await time.reached(66)
  await time.reached(67)
  // Somebody else takes all that the call has not set aside.
  const { available } = await box.ledger.balance(accountId)
  const usage = { quantity: quantity(1), unit: 'tokens', rated: available } as const
  await box.ledger.charge({ accountId, service: 'gpt', provider: 'gpt-4o', usage })
  // A minute and a goodbye of ten seconds, at twenty credits a minute.
  expect(await time.end(77)).toEqual({ creditsUsed: credits(26), seconds: 77 })
  await workflow.close()
  const records = await box.ledger.usageOf(accountId, workflow.id)
  expect(records.map(({ shortfall }) => shortfall)).toEqual([0n, 0n])
  expect(records.reduce((sum, { charged }) => sum + charged, 0n)).toBe(credits(26))
})

it('a part that a dead process has left in its spool is not charged beside the count of its provider', async () => {
  let time = Date.now()
  const began = time
  const broken = Promise.withResolvers<void>()
  const ears: ProviderAdapter = {
    ...simulated({ services: ['voice_stt'], name: 'ears' }),
    async *streamTranscription({ audio }) {
      yield { type: 'open' }
      for await (const _ of audio) yield { type: 'transcript', text: 'yes', isFinal: true, requestId: 'R1' }
    },
    async *records({ from, until }) {
      if (began < from || began >= until) return
      const usage = {
        quantities: [{ meter: 'duration', quantity: quantity(160), unit: 'seconds' as const }],
        certainty: 'exact' as const,
      }
      yield { requestId: 'R1', service: 'voice_stt', at: began, status: 'final', usage, cost: nanoUsd(160_000_000n) }
    },
  }
  const { box, database, folder } = await openBoxThatSpools('dead', { providers: [ears], clock: () => time })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'hotline' })
  async function* sound() {
    for (let second = 0; second < 150; second += 1) {
      if (second === 101) database.isAway = true
      yield new Uint8Array(8_000)
    }
    await broken.promise
  }
  const live = await workflow.listen({ audio: sound(), format: { encoding: 'mulaw', sampleRate: 8_000 } })
  await expect.poll(() => box.ledger.spooled()).toBeGreaterThan(0)
  database.isAway = false
  time += 20 * 60_000
  // Another process, which cannot see the spool.
  const clock = () => time
  const store = sqlite({ filename: join(folder, 'credits.db'), clock })
  const other = createFarebox({ store, providers: [ears], clock })
  const { differences } = await other.reconcile()
  await other.close()
  expect(differences).toMatchObject([
    { type: 'usage_differs', isApplied: true },
    { type: 'late_price', isApplied: true },
  ])
  const due = (await box.ledger.workflow(accountId, workflow.id)).spent
  expect(due).toBe(credits(22))
  expect(await box.ledger.sendSpooled()).toMatchObject({ sent: 0, waiting: 0 })
  broken.resolve()
  await live.settled.catch(() => undefined)
  await box.ledger.sendSpooled()
  expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(due)
  await workflow.close()
})

it('metered time of which several charges are in the spool sets aside what all of them will take', async () => {
  const { box, database } = await openBoxThatSpools('parts')
  // Three minutes.
  const { accountId } = await openAccount(box, { balance: credits(60) })
  const workflow = box.workflow({ accountId, name: 'away' })
  const time = await workflow.meter({ service: 'phone', provider: 'twilio' })
  database.takesUsage = false
  for (let second = 1; second <= 150; second += 1) await time.reached(second)
  // Somebody else takes all that the call has not set aside.
  const { available } = await box.ledger.balance(accountId)
  const usage = { quantity: quantity(1), unit: 'tokens', rated: available } as const
  await box.ledger.charge({ accountId, service: 'gpt', provider: 'gpt-4o', usage })
  database.takesUsage = true
  // At twenty credits a minute.
  expect(await time.end(152)).toEqual({ creditsUsed: credits(51), seconds: 152 })
  await workflow.close()
  const records = await box.ledger.usageOf(accountId, workflow.id)
  expect(records.map(({ shortfall }) => shortfall)).toEqual([0n, 0n, 0n])
  expect(records.reduce((sum, { charged }) => sum + charged, 0n)).toBe(credits(51))
})

/** A Farebox that spools usage while its database is away, and sends it only when something asks for that. */
async function openBoxThatSpools(name: string, options: Partial<FareboxOptions> = {}) {
  const folder = databaseFolder(name)
  const store = sqlite({ filename: join(folder, 'credits.db'), clock: options.clock })
  const database = { isAway: false, takesUsage: true }
  const commit = store.commit.bind(store)
  store.commit = async (operations, transaction) => {
    const isTaken = database.takesUsage || operations.every(({ verb }) => verb !== 'settleHold')
    if (!database.isAway && isTaken) return commit(operations, transaction)
    throw new LedgerUnavailableError('the database is away')
  }
  const spool = { directory: join(folder, 'spool'), retryMs: 3_600_000 }
  const box = createFarebox({ store, providers: [simulated()], spool, onError: () => {}, ...options })
  onTestFinished(async () => {
    await box.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await box.migrate()
  return { box, database, folder }
}
