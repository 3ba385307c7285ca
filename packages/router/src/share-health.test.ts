import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createHealth } from './health.ts'
import type { HealthReport } from './health-news.ts'
import { type HealthStore, shareHealth } from './share-health.ts'

const KEY = 'openai gpt-4o'

/** Processes with clocks of their own, on one store. */
function world(...skews: number[]) {
  let now = 1_000_000_000_000
  const told = new Map<string, { at: number; text: string }>()
  let publishes = 0
  const store: HealthStore = {
    async publish(processId, news) {
      publishes += 1
      told.set(processId, { at: now, text: JSON.stringify(news) })
    },
    read: async () =>
      [...told].map(([processId, { at, text }]) => ({ processId, ageMs: now - at, news: JSON.parse(text) as unknown })),
  }
  const processes = skews.map((skew, index) => {
    const clock = () => now + skew
    const health = createHealth({ clock })
    const shared = shareHealth(health, store, { processId: `p${index}`, clock })
    const fail = (kind: 'unavailable' | 'rate_limited' | 'authentication', retryAfterMs?: number) =>
      health.record(KEY, { outcome: 'failed', kind, retryAfterMs })
    const succeed = (latencyMs = 100) => health.record(KEY, { outcome: 'succeeded', latencyMs, isStream: false })
    return { health, shared, fail, succeed, condition: () => health.read(KEY)?.condition ?? 'ok' }
  })
  const exchange = async () => {
    // Twice, so that everybody has heard everybody.
    for (let round = 0; round < 2; round += 1) for (const { shared } of processes) await shared.exchange()
  }
  const [one, two, ...others] = processes
  if (!one || !two) throw new Error('there are two at least')
  return {
    one,
    two,
    others,
    store,
    told,
    exchange,
    publishes: () => publishes,
    pass: (milliseconds: number) => (now += milliseconds),
  }
}

describe('what another process has learnt', () => {
  test('counts here too: a pause until it ends, by the time that has passed, not by its clock', async () => {
    const { one, two, exchange, pass } = world(0, -7_200_000)
    one.fail('rate_limited', 10_000)
    await exchange()
    expect(two.condition()).toBe('rate_limited')
    expect(two.health.lack(KEY)).toEqual({ reason: 'paused', waitMs: 10_000 })
    pass(4_000)
    await exchange()
    expect(two.health.lack(KEY)).toEqual({ reason: 'paused', waitMs: 6_000 })
    pass(6_000)
    expect(two.condition()).toBe('ok')
  })

  test('of a latency ages here, although streams go on here, its report stays, and the exchange may stop', async () => {
    const { one, two, exchange, pass } = world(0, 90_000)
    one.succeed(9_000)
    pass(30_000)
    await exchange()
    const stream = () => two.health.record(KEY, { outcome: 'succeeded', latencyMs: 50, isStream: true })
    for (let count = 0; count < 3; count += 1) {
      expect(two.health.read(KEY)).toMatchObject({ answerMs: 9_000, answerAgeMs: 30_000 * (count + 1) })
      stream()
      pass(30_000)
      await exchange()
    }
    expect(two.health.read(KEY)).toMatchObject({ answerAgeMs: 120_000, firstEventAgeMs: 30_000, seenMs: 30_000 })
    pass(60_000)
    expect(two.health.read(KEY)).toMatchObject({ answerAgeMs: 180_000, firstEventAgeMs: 90_000 })
    two.succeed(200)
    expect(two.health.read(KEY)).toMatchObject({ answerAgeMs: 0 })
  })

  test('of an illness lets one live request find out here, and a failure of that opens the breaker here', async () => {
    const { one, two, exchange, pass } = world(0, 90_000)
    for (let count = 0; count < 4; count += 1) one.fail('unavailable')
    await exchange()
    expect([two.condition(), two.health.begin(KEY)]).toEqual(['sick', false])
    pass(5_000)
    await exchange()
    expect(two.condition()).toBe('probe')
    expect([two.health.begin(KEY), two.health.begin(KEY)]).toEqual([true, false])
    two.fail('unavailable')
    expect(two.condition()).toBe('sick')
  })

  test('is not believed where this one was answered since', async () => {
    const { one, two, exchange, pass } = world(0, 0)
    one.fail('authentication')
    await exchange()
    expect(two.condition()).toBe('refusing')
    pass(1_000)
    two.succeed()
    expect(two.condition()).toBe('ok')
    pass(1_000)
    await exchange()
    expect(two.condition()).toBe('ok')
  })

  test('is not believed again because a third one is seen to ask the provider, or asked it for something odd', async () => {
    const { one, two, others, exchange, pass } = world(0, 0, 0)
    one.fail('authentication')
    pass(1_000)
    two.succeed()
    pass(1_000)
    for (const third of others) third.health.begin(KEY)
    await exchange()
    expect(two.condition()).toBe('ok')
    pass(1_000)
    for (const third of others) third.health.record(KEY, { outcome: 'failed', kind: 'content_policy' })
    await exchange()
    expect(two.condition()).toBe('ok')
  })

  test('of an answer lets a request find out here, before the breaker would have', async () => {
    const { one, two, exchange, pass } = world(0, 0)
    for (let count = 0; count < 4; count += 1) one.fail('unavailable')
    pass(1_000)
    two.succeed()
    await exchange()
    expect(one.condition()).toBe('probe')
  })

  test('of latency and failures counts by how much each has seen, and fades', async () => {
    const { one, two, exchange, pass } = world(0, 0)
    for (let count = 0; count < 9; count += 1) one.succeed(1_000)
    two.succeed(0)
    one.fail('unavailable')
    await exchange()
    const reading = two.health.read(KEY)
    expect(reading).toMatchObject({ answerMs: expect.closeTo(909, 0), samples: 11, errorRate: 1 / 11 })
    pass(30_000)
    expect(two.health.read(KEY)?.samples).toBeCloseTo(5.5)
    two.succeed(0)
    expect(two.health.read(KEY)?.answerMs).toBeLessThan(reading?.answerMs ?? 0)
  })

  test('of capacity holds until this one has learnt its own', async () => {
    const { one, two, exchange, pass } = world(0, 0)
    for (let count = 0; count < 10; count += 1) one.health.begin(KEY)
    one.fail('rate_limited', 0)
    await exchange()
    const learnt = one.health.read(KEY)?.inFlightMax ?? 0
    expect(two.health.read(KEY)).toMatchObject({ inFlightMax: learnt, condition: 'ok' })
    pass(1)
    let begun = 0
    while (two.health.begin(KEY)) begun += 1
    expect(begun).toBe(Math.floor(learnt))
  })

  test('does not come back to whoever told it, nor go round for ever', async () => {
    const { one, two, told, exchange, pass } = world(0, 0)
    one.fail('rate_limited', 1_000)
    await exchange()
    expect(JSON.parse(told.get('p1')?.text ?? '[]')).toEqual([])
    pass(400_000)
    await exchange()
    expect([one.condition(), two.condition()]).toEqual(['ok', 'ok'])
    expect(two.health.read(KEY)).toBeUndefined()
  })

  test('is taken as far as it is understood', async () => {
    const { two, store, exchange } = world(0, 0)
    await store.publish('newer', [
      { healthKey: KEY, samples: -1 },
      5,
      { healthKey: KEY, seenMs: 0, samples: 1, failures: 1, rateLimited: 0, more: 1 },
    ])
    await store.publish('odd', { not: 'a list' })
    await exchange()
    expect(two.health.read(KEY)).toMatchObject({ samples: 1, errorRate: 1 })
  })
})

describe('a report is as old as the store says', () => {
  const healthy = { healthKey: KEY, seenMs: 0, samples: 0, failures: 0, rateLimited: 0 }
  const pause = (forMs: number) => ({ condition: 'rate_limited' as const, forMs })

  function told(...reports: HealthReport[]) {
    let now = 1_000_000_000_000
    const health = createHealth({ clock: () => now })
    health.hear(reports)
    const condition = () => health.read(KEY)?.condition
    return { health, condition, pass: (milliseconds: number) => (now += milliseconds) }
  }

  test('so its pause and its breaker have less time left, and what it counted has faded', () => {
    const counted = { seenMs: 10_000, samples: 8, failures: 4, rateLimited: 2 }
    const paused = told({ ageMs: 30_000, news: [{ ...healthy, ...counted, pause: pause(40_000) }] })
    expect(paused.health.lack(KEY)).toEqual({ reason: 'paused', waitMs: 10_000 })
    expect(paused.health.read(KEY)).toMatchObject({ samples: 4, errorRate: 0.5, rateLimitedRate: 0.2, seenMs: 40_000 })
    const open = told({ ageMs: 30_000, news: [{ ...healthy, breaker: { forMs: 40_000 } }] })
    expect(open.condition()).toBe('sick')
    open.pass(10_000)
    expect(open.condition()).toBe('probe')
  })

  test('and of several the longest pause counts', () => {
    const news = [1_000, 5_000, 2_000].map((forMs) => ({ ageMs: 0, news: [{ ...healthy, pause: pause(forMs) }] }))
    expect(told(...news).health.lack(KEY)).toEqual({ reason: 'paused', waitMs: 5_000 })
  })

  test('so an illness is over only where an answer came later, by the ages of both', () => {
    const ill = { ...healthy, breaker: { forMs: 60_000 } }
    const answered = (answeredMs: number) => ({ ...healthy, answeredMs })
    expect(told({ ageMs: 0, news: [{ ...ill, seenMs: 20_000 }] }, { ageMs: 30_000, news: [answered(5_000)] }).condition()).toBe(
      'sick',
    )
    expect(told({ ageMs: 30_000, news: [ill] }, { ageMs: 0, news: [answered(10_000)] }).condition()).toBe('ok')
    // An answer of an attempt that was under way does not end the pause that its own process reports.
    expect(told({ ageMs: 0, news: [{ ...answered(0), pause: pause(9_000) }] }).condition()).toBe('rate_limited')
  })

  test('and a limit by the minute holds here too', () => {
    const { health } = told({ ageMs: 0, news: [{ ...healthy, perMinuteMax: 2 }] })
    expect([1, 2, 3].map(() => health.begin(KEY))).toEqual([true, true, false])
  })

  test('and a key that is refused elsewhere is nothing to wait for', () => {
    const { health, condition } = told({
      ageMs: 0,
      news: [{ ...healthy, pause: { condition: 'refusing', forMs: 9_000 } }],
    })
    expect([condition(), health.lack(KEY)]).toEqual(['refusing', undefined])
  })
})

test('what a process told is forgotten once it has told nothing for five minutes', async () => {
  const { one, two, exchange, pass } = world(0, 0)
  for (let count = 0; count < 4; count += 1) one.fail('unavailable')
  await exchange()
  pass(299_999)
  await two.shared.exchange()
  expect(two.condition()).toBe('probe')
  pass(1)
  await two.shared.exchange()
  expect(two.health.read(KEY)).toBeUndefined()
})

test.each<[string, unknown[]]>([
  ['processId must be a text of at least one character, received ""', [{ processId: '' }]],
  ['processId must be a text of at least one character, received 5', [{ processId: 5 }]],
  ['onError must be a function, received an object', [{ onError: console }]],
  ['clock must be a function, received 5', [{ clock: 5 }]],
  ['the store of shareHealth() must have the methods publish and read, as ledger.health has', [{}, { health: {} }]],
  ['the store of shareHealth() must have the methods publish and read, as ledger.health has', [{}, null]],
  ['the health of shareHealth() must be what createHealth() returns', [{}, world(0, 0).store, {}]],
])('is not shared with what would make every exchange fail, and nobody be told: %s', (message, [options, store, health]) => {
  const shared = world(0, 0)
  const share = () =>
    Reflect.apply(shareHealth, undefined, [health ?? createHealth(), store === undefined ? shared.store : store, options])
  expect(share).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message }))
})

describe('the loop', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  test('tells only where there is news, listens at every interval, and ends', async () => {
    const { one, store, publishes } = world(0, 0)
    const read = vi.spyOn(store, 'read')
    const shared = shareHealth(one.health, store, { everyMs: 100, clock: () => 1_000_000_000_000 })
    expect(vi.getTimerCount()).toBe(0)
    shared.start()
    shared.start()
    await vi.advanceTimersByTimeAsync(250)
    expect([publishes(), read.mock.calls.length]).toEqual([0, 3])
    one.fail('unavailable')
    await vi.advanceTimersByTimeAsync(100)
    expect(publishes()).toBe(1)
    await shared.stop()
    await vi.advanceTimersByTimeAsync(500)
    expect(read.mock.calls.length).toBe(4)
  })

  test('does not keep the process alive', async () => {
    const { setTimeout } = globalThis
    const begun: NodeJS.Timeout[] = []
    // Not a spy of Vitest, which puts the fake timer back once more when the file has ended.
    globalThis.setTimeout = ((...given: Parameters<typeof setTimeout>) => {
      const timer = setTimeout(...given)
      begun.push(timer)
      return timer
    }) as typeof setTimeout
    const { one, store } = world(0, 0)
    const shared = shareHealth(one.health, store, { everyMs: 100 })
    shared.start()
    await vi.advanceTimersByTimeAsync(150)
    globalThis.setTimeout = setTimeout
    expect(begun.map((timer) => timer.hasRef())).toEqual([false, false])
    await shared.stop()
  })

  test('is one, also where it is stopped during an exchange and started again before that has ended', async () => {
    const { one, store } = world(0, 0)
    const answered = Promise.withResolvers<void>()
    const read = vi.spyOn(store, 'read').mockImplementation(async () => {
      await answered.promise
      return []
    })
    const shared = shareHealth(one.health, store, { everyMs: 100 })
    shared.start()
    const stopping = shared.stop()
    shared.start()
    answered.resolve()
    await stopping
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(1)
    const before = read.mock.calls.length
    await vi.advanceTimersByTimeAsync(300)
    expect(read.mock.calls.length).toBe(before + 3)
    await shared.stop()
  })

  test('goes on when the store is away, and says so', async () => {
    const errors: unknown[] = []
    const gone = async () => {
      throw new Error('gone')
    }
    const shared = shareHealth(
      createHealth(),
      { publish: gone, read: gone },
      { everyMs: 100, onError: (error) => errors.push(error) },
    )
    shared.start()
    await vi.advanceTimersByTimeAsync(250)
    expect(errors).toHaveLength(3)
    await shared.stop()
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('the log is gone')
      },
    ],
    [
      'fails later',
      async () => {
        throw new Error('the log is gone')
      },
    ],
  ])('goes on where an onError %s', async (_, onError) => {
    const unhandled: unknown[] = []
    const hear = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', hear)
    onTestFinished(() => void process.off('unhandledRejection', hear))
    const read = vi.fn(async () => {
      throw new Error('gone')
    })
    const shared = shareHealth(createHealth(), { publish: async () => {}, read }, { everyMs: 100, onError })
    shared.start()
    await vi.advanceTimersByTimeAsync(250)
    await shared.exchange()
    await shared.stop()
    expect([read.mock.calls.length, unhandled]).toEqual([4, []])
  })
})
