import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type AttemptOptions, attempt, createConcurrency, createHealth, type WholeAnswer } from '@farebox/router'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { countedSignal, failure, routeOf, type Scripted } from './scripted.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  expect(vi.getTimerCount(), 'every timer is cleared').toBe(0)
  vi.useRealTimers()
})

const NEVER = new AbortController().signal

describe('slots', () => {
  test('are given in the order of asking, and counted', async () => {
    const concurrency = createConcurrency({ default: 2, byAdapter: { small: 1 } })
    const [first, second] = [concurrency.takeNow('any'), concurrency.takeNow('any')]
    expect(concurrency.takeNow('any')).toBeUndefined()
    const order: string[] = []
    const third = concurrency.take('any', NEVER, 1_000).then(() => order.push('third'))
    const fourth = concurrency.take('any', NEVER, 1_000).then(() => order.push('fourth'))
    expect(concurrency.stats()).toEqual([{ adapter: 'any', limit: 2, running: 2, waiting: 2 }])
    expect(concurrency.takeNow('small')).toBeDefined()
    first?.()
    first?.()
    await third
    expect(order).toEqual(['third'])
    second?.()
    await fourth
    expect(order).toEqual(['third', 'fourth'])
    expect(concurrency.stats()).toMatchObject([
      { running: 2, waiting: 0 },
      { adapter: 'small', limit: 1, running: 1 },
    ])
  })

  test('are not waited for beyond the time given, or when the caller leaves, and nobody who gave up takes one', async () => {
    const concurrency = createConcurrency({ default: 1 })
    const slot = concurrency.takeNow('any')
    const caller = countedSignal()
    const tooLate = concurrency.take('any', NEVER, 50)
    const left = concurrency.take('any', caller.signal, 1_000)
    const patient = concurrency.take('any', NEVER, 1_000)
    await vi.advanceTimersByTimeAsync(50)
    expect(await tooLate).toBeUndefined()
    caller.abort()
    expect(await left).toBeUndefined()
    expect(caller.listeners()).toBe(0)
    expect(concurrency.stats()).toMatchObject([{ running: 1, waiting: 1 }])
    slot?.()
    ;(await patient)?.()
    expect(concurrency.stats()).toMatchObject([{ running: 0, waiting: 0 }])
  })

  test('nothing is kept of those who gave up, even while no slot becomes free', async () => {
    setFlagsFromString('--expose-gc')
    const concurrency = createConcurrency({ default: 1 })
    const slot = concurrency.takeNow('any')
    const giveUp = async () => {
      const caller = new AbortController()
      const waiting = concurrency.take('any', caller.signal, 1_000)
      caller.abort()
      await waiting
      return new WeakRef(caller.signal)
    }
    const left = [await giveUp(), await giveUp()]
    await vi.advanceTimersByTimeAsync(0)
    runInNewContext('gc')()
    expect(left.map((signal) => signal.deref())).toEqual([undefined, undefined])
    slot?.()
  })

  test('have no limit where none is set, and a limit is a whole number above zero', async () => {
    const concurrency = createConcurrency({ byAdapter: { one: 1 } })
    for (let count = 0; count < 100; count += 1) expect(concurrency.takeNow('free')).toBeDefined()
    expect(concurrency.isCrowded('free')).toBe(false)
    for (const limit of [0, 1.5, -1, Number.NaN]) expect(() => createConcurrency({ default: limit })).toThrow(/at least 1/)
    expect(() => createConcurrency({ default: 1, waitingMax: -1 })).toThrow(/waitingMax/)
  })
})

describe('attempts', () => {
  function serve(candidates: (Scripted | string)[], options: Partial<AttemptOptions> & { takesMs?: number } = {}) {
    const called: string[] = []
    const running = attempt<WholeAnswer & { text: string }>({
      route: routeOf(candidates),
      id: 'r',
      random: () => 0,
      call: async ({ offer: { provider } }) => {
        called.push(provider)
        await new Promise((resolve) => setTimeout(resolve, options.takesMs ?? 100))
        return { text: provider }
      },
      ...options,
    })
    return { running, called }
  }

  test('wait for a slot of their adapter, which counts against the overall deadline', async () => {
    const concurrency = createConcurrency({ default: 1 })
    const requests = Array.from({ length: 3 }, () => serve(['only'], { concurrency, deadlines: { totalMs: 250 } }))
    await vi.advanceTimersByTimeAsync(99)
    expect(requests.map(({ called }) => called.length)).toEqual([1, 0, 0])
    await vi.advanceTimersByTimeAsync(151)
    const outcomes = await Promise.all(requests.map(({ running }) => running))
    expect(outcomes).toMatchObject([
      { status: 'succeeded' },
      { status: 'succeeded' },
      { status: 'failed', cause: 'deadline', attempts: [{ errorKind: 'timeout' }] },
    ])
    await vi.runAllTimersAsync()
    expect(concurrency.stats()).toMatchObject([{ running: 0, waiting: 0 }])
  })

  test('that never got a slot fail as rate limited, not as ill', async () => {
    const concurrency = createConcurrency({ default: 1 })
    const slot = concurrency.takeNow('only')
    const { running, called } = serve(['only'], { concurrency, deadlines: { totalMs: 50 } })
    await vi.advanceTimersByTimeAsync(50)
    expect(await running).toMatchObject({ status: 'failed', cause: 'deadline', error: { kind: 'rate_limited' }, attempts: [] })
    expect(called).toEqual([])
    slot?.()
  })

  test('go to the next candidate where too many wait already', async () => {
    const concurrency = createConcurrency({ byAdapter: { busy: 1 }, waitingMax: 1 })
    const requests = Array.from({ length: 3 }, () => serve(['busy', 'other'], { concurrency }))
    await vi.runAllTimersAsync()
    expect(
      (await Promise.all(requests.map(({ running }) => running))).map((outcome) => outcome.attempts[0]?.candidate.offer.provider),
    ).toEqual(['busy', 'busy', 'other'])
  })

  test('of a caller that leaves while it waits are not made', async () => {
    const concurrency = createConcurrency({ default: 1 })
    const slot = concurrency.takeNow('only')
    const caller = countedSignal()
    const { running, called } = serve(['only'], { concurrency, signal: caller.signal })
    await vi.advanceTimersByTimeAsync(10)
    caller.abort()
    expect(await running).toEqual({ status: 'left', attempts: [] })
    expect([called, caller.listeners()]).toEqual([[], 0])
    slot?.()
  })

  test('of a caller that leaves at the moment when a slot is given to it are not made, and the next one gets it', async () => {
    const concurrency = createConcurrency({ default: 1 })
    const caller = new AbortController()
    // Told when the slot has been handed over.
    const before = serve(['only'], { concurrency, onAttempt: () => caller.abort() })
    const { running, called } = serve(['only'], { concurrency, signal: caller.signal })
    const after = serve(['only'], { concurrency })
    await vi.runAllTimersAsync()
    expect(await before.running).toMatchObject({ status: 'succeeded' })
    expect(await running).toEqual({ status: 'left', attempts: [] })
    expect(called).toEqual([])
    expect(await after.running).toMatchObject({ status: 'succeeded' })
    expect(concurrency.stats()).toMatchObject([{ running: 0, waiting: 0 }])
  })

  test('keep no slot while they back off', async () => {
    const concurrency = createConcurrency({ default: 1 })
    let isFirst = true
    const running = attempt<WholeAnswer & { text: string }>({
      route: routeOf(['only']),
      id: 'r',
      concurrency,
      call: async () => {
        if (!isFirst) return { text: 'hello' }
        isFirst = false
        throw failure('rate_limited', { retryAfterMs: 500 })
      },
    })
    await vi.advanceTimersByTimeAsync(100)
    expect(concurrency.stats()).toMatchObject([{ running: 0 }])
    await vi.runAllTimersAsync()
    expect(await running).toMatchObject({ status: 'succeeded', attempts: [{ cause: 'first' }, { cause: 'retry' }] })
  })
})

describe('after 429s', () => {
  test('the only candidate is waited for until its pause is over, rather than run into again', async () => {
    const health = createHealth()
    health.record('only', { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 3_000 })
    const called: number[] = []
    const startedAt = Date.now()
    const running = attempt<WholeAnswer & { text: string }>({
      route: routeOf(['only']),
      id: 'r',
      health,
      random: () => 0,
      call: async () => {
        called.push(Date.now() - startedAt)
        return { text: 'hello' }
      },
    })
    await vi.runAllTimersAsync()
    expect(await running).toMatchObject({ status: 'succeeded' })
    expect(called).toEqual([3_000])
  })

  test('it is called all the same where the pause is longer than there is time: the last one is never given up', async () => {
    const health = createHealth()
    health.record('only', { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 100_000 })
    const call = vi.fn(async () => ({ text: 'hello' }) as WholeAnswer & { text: string })
    expect(await attempt({ route: routeOf(['only']), id: 'r', health, call })).toMatchObject({ status: 'succeeded' })
  })

  test('room within a learned limit is waited for until the overall deadline, and no longer', async () => {
    const health = createHealth({ cooldownMs: 0 })
    health.begin('only')
    health.begin('only')
    health.record('only', { outcome: 'failed', kind: 'rate_limited' })
    expect(health.lack('only')).toMatchObject({ reason: 'full' })
    const call = vi.fn(async () => ({}) as WholeAnswer)
    const startedAt = Date.now()
    const deadlines = { totalMs: 300 }
    const running = attempt({ route: routeOf(['only']), id: 'r', health, random: () => 0.99, deadlines, call })
    const ended = running.then((outcome) => ({ outcome, at: Date.now() - startedAt }))
    await vi.runAllTimersAsync()
    expect(await ended).toMatchObject({
      outcome: { status: 'failed', cause: 'deadline', error: { kind: 'rate_limited' }, attempts: [] },
      at: 300,
    })
    expect(call).not.toHaveBeenCalled()
  })

  describe('where a provider takes one at once', () => {
    /** Health that has learnt so, while one is under way. */
    function fullHealth() {
      const health = createHealth({ cooldownMs: 0 })
      health.begin('only')
      health.begin('only')
      health.record('only', { outcome: 'failed', kind: 'rate_limited' })
      return health
    }
    /** The end of the one under way, which leaves the limit as it is. */
    const end = { outcome: 'lost', waitedMs: 1, isStream: false } as const

    test('a request that got its slot only after the room was taken waits for room, without the slot', async () => {
      const health = fullHealth()
      health.record('only', end)
      const concurrency = createConcurrency({ default: 1 })
      const slot = concurrency.takeNow('only')
      const call = vi.fn(async () => ({}) as WholeAnswer)
      const running = attempt({ route: routeOf(['only']), id: 'r', health, concurrency, call })
      await vi.advanceTimersByTimeAsync(10)
      health.begin('only')
      slot?.()
      await vi.advanceTimersByTimeAsync(10)
      expect(call).not.toHaveBeenCalled()
      expect(concurrency.stats()).toMatchObject([{ running: 0, waiting: 0 }])
      health.record('only', end)
      await vi.advanceTimersByTimeAsync(0)
      expect(await running).toMatchObject({ status: 'succeeded' })
    })

    test('a request whose caller left while it waited takes no room from the next', async () => {
      const health = fullHealth()
      const caller = new AbortController()
      const call = vi.fn(async () => ({}) as WholeAnswer)
      const first = attempt({ route: routeOf(['only']), id: 'first', health, signal: caller.signal, call })
      const second = attempt({ route: routeOf(['only']), id: 'second', health, call })
      await vi.advanceTimersByTimeAsync(10)
      caller.abort()
      expect(await first).toMatchObject({ status: 'left', attempts: [] })
      health.record('only', end)
      await vi.advanceTimersByTimeAsync(0)
      expect(call).toHaveBeenCalledTimes(1)
      expect(await second).toMatchObject({ status: 'succeeded' })
    })
  })

  test('a key that is refused puts the other models of its adapter behind those of others', async () => {
    const called: string[] = []
    const route = routeOf([
      { provider: 'big', adapter: 'a' },
      { provider: 'small', adapter: 'a' },
      { provider: 'elsewhere', adapter: 'b' },
    ])
    const outcome = await attempt<WholeAnswer & { text: string }>({
      route,
      id: 'r',
      call: async ({ offer: { provider } }) => {
        called.push(provider)
        throw failure(provider === 'elsewhere' ? 'malformed' : 'authentication')
      },
    })
    expect(called).toEqual(['big', 'elsewhere', 'small'])
    expect(outcome.attempts).toMatchObject([{ cause: 'first', status: undefined }, { cause: 'fallback' }, { cause: 'fallback' }])
  })

  test('a flood of requests soon keeps to what the provider takes, without being told how much that is', async () => {
    const health = createHealth()
    let running = 0
    let refused = 0
    const requests = Array.from({ length: 300 }, (_, index) =>
      attempt<WholeAnswer & { text: string }>({
        route: routeOf(['only']),
        id: `r${index}`,
        health,
        deadlines: { totalMs: 120_000 },
        retries: { triesMax: 5 },
        call: async () => {
          if (running >= 10) {
            refused += 1
            throw failure('rate_limited', { retryAfterMs: 200 })
          }
          running += 1
          await new Promise((resolve) => setTimeout(resolve, 100))
          running -= 1
          return { text: 'hello' }
        },
      }),
    )
    await vi.runAllTimersAsync()
    expect((await Promise.all(requests)).filter(({ status }) => status === 'succeeded')).toHaveLength(300)
    // 290 of the first flood are refused at once; after that hardly anybody is.
    expect(refused).toBeLessThan(290 + 40)
  })
})
