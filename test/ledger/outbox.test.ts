import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { credits, InvalidOptionError } from '@farebox/core'
import { DeliveryRefusedError, keepAlive, Ledger, type LedgerEvent, Outbox, webhook } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'

const secret = `whsec_${Buffer.from('a secret of twenty-four bytes').toString('base64')}`
const START = Date.UTC(2026, 6, 15, 12)

let ledger: Ledger
let accountId: string
let now = START
let server: Server
let url: string
let answer: (request: IncomingMessage) => number
let received: { headers: Record<string, string>; body: string }[]

beforeEach(async () => {
  now = START
  received = []
  answer = () => 204
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ headers: request.headers as Record<string, string>, body })
    const status = answer(request)
    if (status > 0) response.writeHead(status, { location: '/elsewhere' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  ledger = new Ledger(sqlite({ filename: ':memory:', clock: () => now }))
  await ledger.migrate()
  accountId = (await ledger.openAccount({ name: 'Ada' })).accountId
  await ledger.grant({ accountId, amount: credits(100) })
  await ledger.setAlerts({ accountId, balanceLow: credits('50.5') })
})

afterEach(async () => {
  await ledger.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function fall(): Promise<void> {
  const usage = { quantity: 1_000_000n, unit: 'tokens', rated: credits(60) } as never
  await ledger.charge({ accountId, service: 'gpt', provider: 'x', usage })
}

test('an event arrives signed, so that its receiver can tell it from a forgery', async () => {
  await fall()
  const outbox = new Outbox(ledger, { deliver: webhook({ url, secret }) })
  expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  const [{ headers, body } = { headers: {}, body: '' }] = received
  const event = new Webhook(secret).verify(body, headers)
  expect(event).toEqual({
    id: headers['webhook-id'],
    type: 'balance_low',
    account_id: accountId,
    created_at: '2026-07-15T12:00:00.000Z',
    data: { balance: '40', threshold: '50.5' },
  })
  expect(() => new Webhook(secret).verify(body.replace('40', '41'), headers)).toThrow()
})

test('an event is signed with the new secret and the old while a receiver changes from one to the other', async () => {
  await fall()
  const newSecret = `whsec_${Buffer.from('another of twenty-four bytes').toString('base64')}`
  const outbox = new Outbox(ledger, { deliver: webhook({ url, secret: [newSecret, secret] }) })
  expect(await outbox.deliverDue()).toMatchObject({ delivered: 1 })
  const [{ headers, body } = { headers: {}, body: '' }] = received
  for (const known of [secret, newSecret]) expect(new Webhook(known).verify(body, headers)).toMatchObject({ type: 'balance_low' })
  const stranger = `whsec_${Buffer.from('a secret that nobody was told').toString('base64')}`
  expect(() => new Webhook(stranger).verify(body, headers)).toThrow()
})

test('a receipt stays one where the connection breaks after it', async () => {
  await fall()
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    response.writeHead(200, { 'content-length': '100' }).write('thank', () => response.destroy())
  })
  // Whoever reads the status only when all of that has come.
  const late: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    await response
      .clone()
      .text()
      .catch(() => undefined)
    return response
  }
  const outbox = new Outbox(ledger, { deliver: webhook({ url, secret, fetch: late }) })
  expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
})

test.each([
  [500, 'failed'],
  [404, 'failed'],
  [302, 'failed'],
  [410, 'givenUp'],
] as const)('an answer of %i leaves it %s, and says why', async (status, end) => {
  await fall()
  answer = () => status
  const outbox = new Outbox(ledger, { deliver: webhook({ url, secret }) })
  expect(await outbox.deliverDue()).toMatchObject({ delivered: 0, [end]: 1 })
  expect(received).toHaveLength(1)
  const [event] = await ledger.events({ accountId })
  expect(event?.error).toContain(`answered ${status}`)
  expect(event?.dueAt === null).toBe(end === 'givenUp')
})

test('a receiver that never answers is left when its time is up, and tried again', async () => {
  await fall()
  answer = () => 0
  const errors: unknown[] = []
  const outbox = new Outbox(ledger, {
    deliver: webhook({ url, secret }),
    timeoutMs: 1_000,
    retryDelayMs: () => 1_000,
    onError: (error) => errors.push(error),
  })
  expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
  expect(errors).toMatchObject([{ name: 'TimeoutError' }])
  answer = () => 200
  now += 1_000
  expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  expect(received[0]?.headers['webhook-id']).toBe(received[1]?.headers['webhook-id'])
})

test('an outbox that was started delivers by itself, goes on after an error, and stops', async () => {
  const seen: LedgerEvent[] = []
  let refuses = true
  const outbox = new Outbox(ledger, {
    pollMs: 5,
    retryDelayMs: () => 1,
    deliver(event) {
      if (refuses) throw new Error('not yet')
      seen.push(event)
    },
  })
  outbox.start()
  outbox.start()
  await fall()
  await expect.poll(async () => (await ledger.events({ accountId }))[0]?.attempts).toBeGreaterThan(0)
  // It is due again a moment after this is written, by a clock that stands still.
  await expect.poll(async () => (await ledger.events({ accountId }))[0]?.error).toBe('not yet')
  refuses = false
  now += 60_000
  await expect.poll(() => seen.length).toBe(1)
  await outbox.stop()
  await ledger.setAlerts({ accountId, balanceLow: credits(90) })
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(seen).toHaveLength(1)
})

test('a listener of an outbox that throws is not in the way of what it is told of, and does not end the process', async () => {
  await fall()
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  let attempts = 0
  const outbox = new Outbox(ledger, {
    pollMs: 1,
    deliver() {
      attempts += 1
      throw new Error('not yet')
    },
    retryDelayMs: () => 1,
    onError() {
      throw new Error('a listener that cannot listen')
    },
  })
  const report = { delivered: 0, failed: 1, givenUp: 0 }
  expect(await outbox.deliverDue()).toEqual(report)
  const away = vi.spyOn(ledger, 'eventsDue').mockRejectedValue(new Error('away'))
  outbox.start()
  await expect.poll(() => away.mock.calls.length).toBeGreaterThan(2)
  await outbox.stop()
  expect([attempts, unhandled]).toEqual([1, []])
})

test('a listener of an outbox that fails later, or never ends, does not end the process either, nor hold it up', async () => {
  await fall()
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  const never = new Promise<void>(() => undefined)
  let heard = 0
  const outbox = new Outbox(ledger, {
    pollMs: 1,
    deliver: () => Promise.reject(new Error('not yet')),
    onError: async () => {
      heard += 1
      if (heard > 1) return never
      throw new Error('the collector is gone')
    },
  })
  await outbox.deliverDue()
  const away = vi.spyOn(ledger, 'eventsDue').mockRejectedValue(new Error('away'))
  outbox.start()
  await expect.poll(() => away.mock.calls.length).toBeGreaterThan(2)
  await outbox.stop()
  expect([heard > 2, unhandled]).toEqual([true, []])
})

test('stopping waits for all deliveries under way, also where the end of one could not be written', async () => {
  await fall()
  const other = await ledger.openAccount({ name: 'Bob' })
  await ledger.grant({ accountId: other.accountId, amount: credits(10) })
  await ledger.setAlerts({ accountId: other.accountId, balanceLow: credits(50) })
  const endDelivery = ledger.endDelivery.bind(ledger)
  const failed = Promise.withResolvers<void>()
  ledger.endDelivery = (input) => {
    if (input.accountId !== accountId) return endDelivery(input)
    failed.resolve()
    return Promise.reject(new Error('away'))
  }
  const gate = Promise.withResolvers<void>()
  let isTold = false
  const outbox = new Outbox(ledger, {
    async deliver(event) {
      if (event.accountId === accountId) return
      await gate.promise
      isTold = true
    },
  })
  const looking = outbox.deliverDue().catch((error: unknown) => error)
  await failed.promise
  await new Promise((resolve) => setImmediate(resolve))
  gate.resolve()
  expect(await looking).toMatchObject({ message: 'away' })
  expect(isTold).toBe(true)
  expect(await ledger.events({ accountId: other.accountId })).toMatchObject([{ deliveredAt: expect.any(Number) }])
})

test('an outbox that stops while it takes an event waits for no handler that does not heed it', async () => {
  await fall()
  const claimEvent = ledger.claimEvent.bind(ledger)
  const claimed = Promise.withResolvers<void>()
  ledger.claimEvent = async (input) => {
    const claim = await claimEvent(input)
    void outbox.stop()
    claimed.resolve()
    return claim
  }
  let told = 0
  const outbox = new Outbox(ledger, {
    retryDelayMs: () => 1,
    deliver() {
      told += 1
      return new Promise<never>(() => undefined)
    },
  })
  outbox.start()
  await claimed.promise
  await outbox.stop()
  expect(told).toBe(0)
  expect(await ledger.events({ accountId })).toMatchObject([{ deliveredAt: null, dueAt: START + 1 }])
})

test('what an outbox did not come to tell because it stops is told by the next one, also where it had one attempt', async () => {
  await fall()
  const outbox = new Outbox(ledger, {
    attemptsMax: 1,
    retryDelayMs: () => 1,
    deliver() {
      void outbox.stop()
      return new Promise<never>(() => undefined)
    },
  })
  await outbox.deliverDue()
  expect(await ledger.events({ isGivenUp: true })).toEqual([])
  now += 60_000
  const told: string[] = []
  const next = new Outbox(ledger, { attemptsMax: 1, deliver: ({ type }) => void told.push(type) })
  expect(await next.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  expect(told).toEqual(['balance_low'])
})

/** Accounts whose balance has just fallen: one event each. */
async function fallAll(accountIds: readonly string[]): Promise<void> {
  for (const id of accountIds) {
    await ledger.openAccount({ accountId: id, name: id })
    await ledger.grant({ accountId: id, amount: credits(10) })
    await ledger.setAlerts({ accountId: id, balanceLow: credits(50) })
  }
}

test('a delivery that hangs holds up no event of another account, also one that becomes due meanwhile', async () => {
  const gate = Promise.withResolvers<void>()
  const told: string[] = []
  const outbox = new Outbox(ledger, {
    concurrency: 2,
    pollMs: 5,
    async deliver(event) {
      if (event.accountId === 'ada') await gate.promise
      told.push(event.accountId)
    },
  })
  await fallAll(['ada', 'bob', 'eve', 'dan'])
  outbox.start()
  await expect.poll(() => told.toSorted()).toEqual(['bob', 'dan', 'eve'])
  await fallAll(['fay'])
  await expect.poll(() => told).toContain('fay')
  gate.resolve()
  await expect.poll(() => told.toSorted()).toEqual(['ada', 'bob', 'dan', 'eve', 'fay'])
  await outbox.stop()
  expect(await ledger.eventCounts()).toEqual({ waiting: 0, givenUp: 0 })
})

test('an account whose deliveries all hang leaves places for the others, and no more are under way than was said', async () => {
  const gate = Promise.withResolvers<void>()
  const told: string[] = []
  let underWay = 0
  let most = 0
  const outbox = new Outbox(ledger, {
    concurrency: 4,
    pollMs: 5,
    async deliver(event) {
      most = Math.max(most, ++underWay)
      await (event.accountId === accountId ? gate.promise : new Promise((resolve) => setImmediate(resolve)))
      underWay -= 1
      told.push(event.accountId)
    },
  })
  for (let line = 101; line <= 106; line += 1) await ledger.setAlerts({ accountId, balanceLow: credits(line) })
  const { waiting } = await ledger.eventCounts()
  expect(waiting).toBe(6)
  now += 1
  await fallAll(['bob', 'eve', 'dan', 'fay', 'gil'])
  const looking = outbox.deliverDue()
  await expect.poll(() => told.toSorted()).toEqual(['bob', 'dan', 'eve', 'fay', 'gil'])
  gate.resolve()
  expect(await looking).toEqual({ delivered: 11, failed: 0, givenUp: 0 })
  expect(most).toBeLessThanOrEqual(4)
})

test('an account whose deliveries hang holds up no other, however many of its events are due', async () => {
  const lines = Array.from({ length: 5_100 }, (_, index) => credits(101 + index))
  await Promise.all(lines.map((balanceLow) => ledger.setAlerts({ accountId, balanceLow })))
  now += 1
  await fallAll(['bob'])
  const told: string[] = []
  const outbox = new Outbox(ledger, {
    concurrency: 4,
    pollMs: 5,
    deliver: (event) => (event.accountId === accountId ? new Promise(() => undefined) : void told.push(event.accountId)),
  })
  outbox.start()
  await expect.poll(() => told).toEqual(['bob'])
  await outbox.stop()
})

test.each([2, 3])('%i accounts whose deliveries hang hold up no other, however many of their events are due', async (count) => {
  const hanging = Array.from({ length: count }, (_, index) => `hanging${index}`)
  for (const id of hanging) {
    await ledger.openAccount({ accountId: id, name: id })
    const lines = Array.from({ length: 600 }, (_, index) => credits(101 + index))
    await Promise.all(lines.map((balanceLow) => ledger.setAlerts({ accountId: id, balanceLow })))
  }
  now += 1
  await fallAll(['bob', 'eve'])
  const told: string[] = []
  const outbox = new Outbox(ledger, {
    pollMs: 5,
    deliver: (event) => (hanging.includes(event.accountId) ? new Promise(() => undefined) : void told.push(event.accountId)),
  })
  outbox.start()
  await expect.poll(() => told.toSorted()).toEqual(['bob', 'eve'])
  await outbox.stop()
})

test('accounts whose deliveries have hung leave half of the places to the others, however many they are', async () => {
  const hanging = Array.from({ length: 12 }, (_, index) => `hanging${index}`)
  for (const id of hanging) await ledger.openAccount({ accountId: id, name: id })
  const fallTwice = async () => {
    for (let line = 101; line <= 102; line += 1) {
      await Promise.all(hanging.map((id) => ledger.setAlerts({ accountId: id, balanceLow: credits(line) })))
      await Promise.all(hanging.map((id) => ledger.setAlerts({ accountId: id })))
    }
  }
  await fallTwice()
  let timeouts = 0
  let isOver = false
  const told: string[] = []
  let most = 0
  const underWay = new Set<string>()
  const outbox = new Outbox(ledger, {
    concurrency: 6,
    timeoutMs: 200,
    attemptsMax: 1,
    onError() {
      timeouts += 1
    },
    async deliver(event, signal) {
      if (!hanging.includes(event.accountId)) return void told.push(event.accountId)
      underWay.add(event.id)
      if (isOver) most = Math.max(most, underWay.size)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      underWay.delete(event.id)
    },
  })
  expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 24 })
  expect(timeouts).toBe(24)
  isOver = true
  await fallTwice()
  now += 1
  await fallAll(['bob', 'eve'])
  expect(await outbox.deliverDue()).toEqual({ delivered: 2, failed: 0, givenUp: 24 })
  expect(most).toBe(3)
  expect(told.toSorted()).toEqual(['bob', 'eve'])
})

test('an account that was left out is told again once its deliveries end, and not only after all others', async () => {
  const lines = Array.from({ length: 600 }, (_, index) => credits(101 + index))
  await Promise.all(lines.map((balanceLow) => ledger.setAlerts({ accountId, balanceLow })))
  now += 1
  const others = Array.from({ length: 60 }, (_, index) => `other${index}`)
  await fallAll(others)
  const told: string[] = []
  const hanging = Promise.withResolvers<void>()
  const outbox = new Outbox(ledger, {
    concurrency: 2,
    async deliver(event) {
      told.push(event.accountId)
      if (event.accountId === accountId) return hanging.promise
      if (told.length === 5) hanging.resolve()
    },
  })
  await outbox.deliverDue()
  expect(told).toHaveLength(660)
  expect(told.lastIndexOf(others.at(-1) ?? '')).toBeGreaterThan(told.indexOf(accountId, 1))
})

test('all that is due of one account is told by one look, also where it is more than it may have under way', async () => {
  for (let line = 101; line <= 106; line += 1) await ledger.setAlerts({ accountId, balanceLow: credits(line) })
  const outbox = new Outbox(ledger, { deliver: () => undefined })
  expect(await outbox.deliverDue()).toEqual({ delivered: 6, failed: 0, givenUp: 0 })
})

test('what is due is delivered for whoever asks for it after the outbox was stopped, and stopping waits for that too', async () => {
  await fall()
  const told: string[] = []
  const begun = Promise.withResolvers<void>()
  const outbox = new Outbox(ledger, {
    retryDelayMs: () => 1,
    async deliver({ type }, signal) {
      told.push(type)
      if (told.length > 1) return
      begun.resolve()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  })
  outbox.start()
  await outbox.stop()
  const looking = outbox.deliverDue()
  await begun.promise
  await outbox.stop()
  expect(await ledger.events({ accountId })).toMatchObject([{ deliveredAt: null, attempts: 1, dueAt: now + 1 }])
  expect(await looking).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
  now += 1
  expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  expect(told).toEqual(['balance_low', 'balance_low'])
})

test('an outbox that is started again while it stops looks once at a time', async () => {
  let looking = 0
  let most = 0
  let looks = 0
  const eventsDue = ledger.eventsDue.bind(ledger)
  ledger.eventsDue = async (limit) => {
    looks += 1
    most = Math.max(most, ++looking)
    await new Promise((resolve) => setTimeout(resolve, 5))
    looking -= 1
    return eventsDue(limit)
  }
  const outbox = new Outbox(ledger, { deliver: () => undefined, pollMs: 1 })
  outbox.start()
  await expect.poll(() => looking).toBe(1)
  const stopped = outbox.stop()
  outbox.start()
  await stopped
  const before = looks
  most = 0
  await expect.poll(() => looks).toBeGreaterThan(before + 6)
  expect(most).toBe(1)
  await outbox.stop()
})

test('an event is tried for about a day before it is given up, unless more is said', async () => {
  await fall()
  const outbox = new Outbox(ledger, {
    deliver() {
      throw new Error('away')
    },
  })
  for (;;) {
    await outbox.deliverDue()
    const [event] = await ledger.events({ accountId })
    if (typeof event?.dueAt !== 'number') break
    now = event.dueAt
  }
  const hours = (now - START) / 3_600_000
  expect(hours).toBeGreaterThan(18)
  expect(hours).toBeLessThan(31)
})

test('an event is tried again though its delays say no number for it, as a list that has ended', async () => {
  await fall()
  const delays = [1_000]
  const outbox = new Outbox(ledger, {
    deliver: () => Promise.reject(new Error('not yet')),
    retryDelayMs: (attempt) => delays[attempt] as number,
  })
  expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
  const [event] = await ledger.events({ accountId })
  expect(event?.dueAt).toBeGreaterThan(now)
  expect(await ledger.eventCounts()).toEqual({ waiting: 1, givenUp: 0 })
})

test.each([
  ['has no text', Object.create(null), 'no reason given'],
  ['has a message that is no text', Object.assign(new Error(), { message: 5 }), '5'],
  ['has a message that cannot be read', Object.defineProperty(new Error(), 'message', { get: expect.fail }), 'no reason given'],
  ['is cut off within a character', new Error(`${'a'.repeat(499)}\u{1f600}`), `${'a'.repeat(499)}\ufffd`],
])('an event is given up also where the error of its last attempt %s', async (_, thrown, error) => {
  await fall()
  const deliver = () => Promise.reject(thrown)
  expect(await new Outbox(ledger, { deliver, attemptsMax: 1 }).deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 1 })
  expect(await ledger.events({ isGivenUp: true })).toMatchObject([{ error, attempts: 1 }])
})

test('an event tells why its receiver could not be reached, and not only that fetch failed', async () => {
  await fall()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await new Outbox(ledger, { deliver: webhook({ url, secret }) }).deliverDue()
  expect(await ledger.events({ accountId })).toMatchObject([{ error: expect.stringMatching(/^fetch failed: .*ECONNREFUSED/) }])
  server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

test('a webhook tells times as ISO 8601 and amounts in credits, and may be signed with just 24 bytes', async () => {
  const shortest = `whsec_${Buffer.from('x'.repeat(24)).toString('base64')}`
  const data = { resetsAt: START, closedAt: null, spent: credits('2.5'), percent: 80 }
  const event = { id: 'e1', type: 'budget_threshold', accountId, createdAt: START, data, attempts: 1 }
  await webhook({ url, secret: shortest })(event as unknown as LedgerEvent, AbortSignal.timeout(10_000))
  const time = '2026-07-15T12:00:00.000Z'
  expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
    created_at: time,
    data: { resets_at: time, closed_at: null, spent: '2.5', percent: 80 },
  })
})

test('a handler hears which attempt it is, and until twice its time has passed nobody else may try', async () => {
  await fall()
  const attempts: number[] = []
  const due: number[] = []
  const outbox = new Outbox(ledger, {
    timeoutMs: 60_000,
    retryDelayMs: () => 1,
    async deliver(event) {
      attempts.push(event.attempts)
      for (const laterMs of [119_999, 1]) {
        now += laterMs
        due.push((await ledger.eventsDue(10)).events.length)
      }
      if (attempts.length === 1) throw new Error('not yet')
    },
  })
  expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
  now += 1
  expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  expect([attempts, due]).toEqual([
    [1, 2],
    [0, 1, 0, 1],
  ])
})

test('a handler may refuse an event for good', async () => {
  await fall()
  const outbox = new Outbox(ledger, {
    deliver() {
      throw new DeliveryRefusedError('unknown account')
    },
  })
  expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 1 })
  expect(await ledger.events({ isGivenUp: true })).toMatchObject([{ error: 'unknown account' }])
})

test('addresses, secrets and numbers that cannot be used are refused by name', () => {
  for (const bad of ['ftp://example.com', 'http://example.com', 'example.com', '']) {
    expect(() => webhook({ url: bad, secret }), bad).toThrow(InvalidOptionError)
  }
  for (const bad of ['', 'whsec_', 'whsec_c2hvcnQ=', secret.slice(6)]) {
    expect(() => webhook({ url, secret: bad }), bad).toThrow(InvalidOptionError)
  }
  // Of a variable that is not set, and in the base64 of addresses, which receivers do not read.
  for (const bad of [undefined as never, `whsec_${'-_'.repeat(20)}`]) {
    expect(() => webhook({ url, secret: bad }), bad).toThrow(InvalidOptionError)
    expect(() => webhook({ url, secret: [secret, bad] }), bad).toThrow(InvalidOptionError)
  }
  for (const field of ['pollMs', 'concurrency', 'timeoutMs', 'attemptsMax']) {
    expect(() => new Outbox(ledger, { deliver: () => undefined, [field]: 0 }), field).toThrow(field)
  }
  // A timer that cannot wait so long does not wait at all.
  for (const field of ['pollMs', 'timeoutMs']) {
    expect(() => new Outbox(ledger, { deliver: () => undefined, [field]: 2 ** 31 }), field).toThrow(field)
  }
})

test('a heartbeat keeps a hold alive, says what is affordable, and hears when the hold has ended', async () => {
  const { holdId } = (await ledger.placeHold({
    accountId,
    service: 'phone',
    provider: 'x',
    amount: credits(10),
    ttlMs: 1_000,
  })) as {
    holdId: string
  }
  const affordable: bigint[] = []
  const lost: unknown[] = []
  const heartbeat = keepAlive(ledger, {
    accountId,
    holdId,
    ttlMs: 60_000,
    everyMs: 5,
    onExtended: (outcome) => affordable.push(outcome.affordable),
    onLost: (refusal) => lost.push(refusal),
  })
  await expect.poll(() => affordable.length).toBeGreaterThan(1)
  expect(affordable[0]).toBe(credits(90))
  expect(await ledger.hold(accountId, holdId)).toMatchObject({ expiresAt: START + 60_000 })
  await ledger.releaseHold({ accountId, holdId })
  await expect.poll(() => lost).toMatchObject([{ reason: 'hold_not_open', state: 'released' }])
  await heartbeat.stop()
  expect(() => keepAlive(ledger, { accountId, holdId, ttlMs: 10, everyMs: 10 })).toThrow('everyMs')
})

test('a heartbeat extends a hold soon, which may have been placed for less than it is kept alive for', async () => {
  const placed = await ledger.placeHold({ accountId, service: 'phone', provider: 'x', amount: credits(10), ttlMs: 1_000 })
  const { holdId } = placed as { holdId: string }
  let extended = 0
  const heartbeat = keepAlive(ledger, { accountId, holdId, onExtended: () => void extended++ })
  await expect.poll(() => extended).toBe(1)
  await heartbeat.stop()
  expect(await ledger.hold(accountId, holdId)).toMatchObject({ expiresAt: START + 300_000 })
})

test('a heartbeat goes on when an extension fails', async () => {
  const errors: unknown[] = []
  let calls = 0
  const failing = {
    extendHold() {
      calls += 1
      return Promise.reject(new Error('away'))
    },
  }
  const heartbeat = keepAlive(failing, { accountId, holdId: 'h', ttlMs: 100, everyMs: 2, onError: (error) => errors.push(error) })
  await expect.poll(() => errors.length).toBeGreaterThan(2)
  await heartbeat.stop()
  const before = calls
  await new Promise((resolve) => setTimeout(resolve, 15))
  expect(calls).toBe(before)
})

test('a listener of a heartbeat that takes for ever, or fails later, does not keep the hold from being extended', async () => {
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  const { holdId } = (await ledger.placeHold({
    accountId,
    service: 'phone',
    provider: 'x',
    amount: credits(10),
    ttlMs: 1_000,
  })) as {
    holdId: string
  }
  let extended = 0
  const errors: unknown[] = []
  const heartbeat = keepAlive(ledger, {
    accountId,
    holdId,
    ttlMs: 60_000,
    everyMs: 5,
    onExtended: () => {
      extended += 1
      return new Promise<void>(() => undefined)
    },
    onLost: () => Promise.reject(new Error('nobody to tell')),
    onError: async (error) => {
      errors.push(error)
      throw error
    },
  })
  await expect.poll(() => extended).toBeGreaterThan(2)
  await ledger.releaseHold({ accountId, holdId })
  await expect.poll(() => errors).toMatchObject([{ message: 'nobody to tell' }])
  await heartbeat.stop()
  expect(unhandled).toEqual([])
})

test('a listener of a heartbeat that throws ends neither the heartbeat nor the process', async () => {
  let calls = 0
  const heartbeat = keepAlive(
    { extendHold: () => Promise.reject(new Error('away')) },
    {
      accountId,
      holdId: 'h',
      ttlMs: 100,
      everyMs: 2,
      onError() {
        calls += 1
        throw new Error('the listener failed')
      },
    },
  )
  await expect.poll(() => calls).toBeGreaterThan(2)
  await expect(heartbeat.stop()).resolves.toBeUndefined()
})

test('a heartbeat of a hold that lives for months does not become a race', async () => {
  let calls = 0
  const counting = {
    extendHold() {
      calls += 1
      return Promise.reject(new Error('never called'))
    },
  }
  const months = { accountId, holdId: 'h', ttlMs: 100 * 86_400_000 }
  const heartbeat = keepAlive(counting, months)
  await new Promise((resolve) => setTimeout(resolve, 20))
  await heartbeat.stop()
  expect(calls).toBe(0)
  expect(() => keepAlive(counting, { ...months, everyMs: 30 * 86_400_000 })).toThrow('everyMs')
})
