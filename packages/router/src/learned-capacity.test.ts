import { describe, expect, test } from 'vitest'
import { createHealth } from './health.ts'

const KEY = 'openai gpt-4o'
const START = 1_000_000

/** A provider that takes so many requests at once, and so many in a minute, and a host that asks it as health allows. */
function world(provider: { atOnce: number; perMinute?: number; retryAfterMs?: number }) {
  let now = START
  const health = createHealth({ clock: () => now, cooldownMs: 100 })
  const running: { startedAt: number; endsAt: number; isAccepted: boolean }[] = []
  const accepted: number[] = []
  let refusals = 0

  /** Begins as many as are wanted and allowed; each takes 200 ms, a refusal 10. */
  function begin(wanted: number): number {
    let begun = 0
    while (begun < wanted && health.begin(KEY)) {
      begun += 1
      const inMinute = accepted.filter((at) => at > now - 60_000).length
      const isFull = running.filter(({ isAccepted }) => isAccepted).length >= provider.atOnce
      const isAccepted = !isFull && inMinute < (provider.perMinute ?? Number.POSITIVE_INFINITY)
      if (isAccepted) accepted.push(now)
      running.push({ startedAt: now, endsAt: now + (isAccepted ? 200 : 10), isAccepted })
    }
    return begun
  }

  function pass(milliseconds: number): void {
    for (const until = now + milliseconds; now < until; now += 10) {
      for (const one of running.filter(({ endsAt }) => endsAt <= now)) {
        running.splice(running.indexOf(one), 1)
        if (one.isAccepted) health.record(KEY, { outcome: 'succeeded', latencyMs: 200, isStream: false })
        else {
          refusals += 1
          const { retryAfterMs } = provider
          health.record(KEY, { outcome: 'failed', kind: 'rate_limited', retryAfterMs, startedAt: one.startedAt })
        }
      }
    }
  }

  return {
    health,
    begin,
    pass,
    /** So many requests wait at any moment, for so long. Answers how many were refused, and served. */
    run(wanted: number, milliseconds: number) {
      const [before, served] = [refusals, accepted.length]
      for (let passed = 0; passed < milliseconds; passed += 10) {
        begin(Math.max(0, wanted - running.length))
        pass(10)
      }
      return { refused: refusals - before, served: accepted.length - served }
    },
  }
}

describe('how many at once', () => {
  test('is cut once for a burst of 429s, however many they are', () => {
    const health = createHealth({ clock: () => START })
    for (let begun = 0; begun < 20; begun += 1) health.begin(KEY)
    const refuse = () => health.record(KEY, { outcome: 'failed', kind: 'rate_limited', startedAt: START - 100 })
    const first = { outcome: 'failed', kind: 'rate_limited', startedAt: START } as const
    health.record(KEY, first)
    expect(health.read(KEY)?.inFlightMax).toBeCloseTo(19 * 0.7)
    for (let more = 0; more < 3; more += 1) refuse()
    expect(health.read(KEY)?.inFlightMax).toBeCloseTo(19 * 0.7)
  })

  test('is not limited before the first 429', () => {
    const { begin } = world({ atOnce: 1_000 })
    expect(begin(500)).toBe(500)
  })

  test('is learnt from the first flood of 429s: what was not refused is what fits', () => {
    const { begin, pass, health } = world({ atOnce: 20 })
    begin(100)
    pass(150)
    expect(health.read(KEY)).toMatchObject({ condition: 'rate_limited', inFlight: 20 })
    expect(health.read(KEY)?.inFlightMax).toBeLessThanOrEqual(20)
    pass(500)
    expect(begin(100)).toBeLessThanOrEqual(21)
  })

  test('is then kept to: of thousands of requests hardly any is refused, and most of what fits is used', () => {
    const { run } = world({ atOnce: 20 })
    run(100, 1_000)
    const { refused, served } = run(100, 60_000)
    // Without a memory, eighty of a hundred would be refused each time.
    expect(refused / (refused + served)).toBeLessThan(0.03)
    // The provider could serve 20 every 200 ms.
    expect(served).toBeGreaterThan(0.6 * 6_000)
  })

  test('is never less than one', () => {
    const { run, health } = world({ atOnce: 0 })
    run(3, 5_000)
    expect(health.read(KEY)?.inFlightMax).toBe(1)
  })

  test('rises slowly, and only where the limit was in use', () => {
    const { begin, pass, run, health } = world({ atOnce: 20 })
    begin(100)
    pass(500)
    const learnt = health.read(KEY)?.inFlightMax ?? 0
    run(1, 5_000)
    expect(health.read(KEY)?.inFlightMax).toBe(learnt)
    run(100, 400)
    expect(health.read(KEY)?.inFlightMax).toBeGreaterThan(learnt)
    expect(health.read(KEY)?.inFlightMax).toBeLessThan(learnt + 3)
  })

  test('is forgotten ten minutes after the last 429', () => {
    const { begin, pass, health } = world({ atOnce: 20 })
    begin(100)
    pass(601_000)
    expect(health.read(KEY)).toMatchObject({ condition: 'ok', inFlightMax: undefined })
  })
})

describe('how many in a minute', () => {
  test('is learnt where the provider asks to wait, and kept to', () => {
    const { run, health } = world({ atOnce: 1_000, perMinute: 100, retryAfterMs: 20_000 })
    run(30, 130_000)
    expect(health.read(KEY)?.perMinuteMax).toBeLessThanOrEqual(110)
    expect(health.read(KEY)?.perMinuteMax).toBeGreaterThan(60)
    const { refused, served } = run(30, 300_000)
    expect(served).toBeGreaterThan(5 * 60)
    expect(refused / (refused + served)).toBeLessThan(0.02)
  })

  describe('once it is learnt', () => {
    function open() {
      let now = START
      const health = createHealth({ clock: () => now })
      const perMinuteMax = () => health.read(KEY)?.perMinuteMax
      const succeed = () => health.record(KEY, { outcome: 'succeeded', latencyMs: 5, isStream: false })
      const pass = (milliseconds: number) => {
        now += milliseconds
      }
      /** Begins all at once. Those that are accepted have ended when the 429s of the others come. */
      function burst(accepted: number, refused: number): void {
        const startedAt = now
        for (let count = 0; count < accepted + refused; count += 1) health.begin(KEY, true)
        pass(50)
        for (let count = 0; count < accepted; count += 1) succeed()
        for (let count = 0; count < refused; count += 1)
          health.record(KEY, { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 1_000, startedAt })
        pass(100_000)
      }
      return { health, burst, pass, succeed, perMinuteMax }
    }

    test('grows by a part of one with an answer at the limit, and not below it', () => {
      const { health, burst, succeed, perMinuteMax } = open()
      burst(10, 1)
      expect(perMinuteMax()).toBeUndefined()
      burst(10, 1)
      for (let count = 0; count < 9; count += 1) {
        health.begin(KEY, true)
        expect(perMinuteMax()).toBe(9)
        if (count < 8) succeed()
      }
      succeed()
      expect(perMinuteMax()).toBeCloseTo(9 + 1 / 9, 9)
    })

    test('is cut once for a burst of 429s, but to no more than was accepted of it', () => {
      const { burst, perMinuteMax } = open()
      burst(20, 1)
      burst(16, 6)
      expect(perMinuteMax()).toBe(16)
    })

    test('is nothing where 429s came after unlike numbers of requests, which were not what was too much', () => {
      const { burst, perMinuteMax } = open()
      burst(10, 1)
      burst(20, 1)
      expect(perMinuteMax()).toBeUndefined()
    })

    test('is not learnt from a 429 that was forgotten meanwhile', () => {
      const { burst, pass, perMinuteMax } = open()
      burst(10, 1)
      pass(600_000)
      burst(10, 1)
      expect(perMinuteMax()).toBeUndefined()
    })
  })

  test('is not guessed from a handful of requests', () => {
    const { run, health } = world({ atOnce: 1_000, perMinute: 3, retryAfterMs: 20_000 })
    run(5, 1_000)
    expect(health.read(KEY)?.perMinuteMax).toBeUndefined()
  })
})

test('what an attempt would have to wait for is told: the rest of a pause, or the next to end', () => {
  const { health, begin, pass } = world({ atOnce: 2, retryAfterMs: 700 })
  expect(health.lack(KEY)).toBeUndefined()
  begin(5)
  pass(30)
  expect(health.lack(KEY)).toMatchObject({ reason: 'paused', waitMs: expect.closeTo(680, -2) })
  expect(health.lack(KEY, true)).toMatchObject({ reason: 'full' })
  pass(680)
  expect(health.lack(KEY)).toBeUndefined()
})

test('the rates of failures and of 429s are told apart, and age', () => {
  let now = START
  const health = createHealth({ clock: () => now })
  expect(health.read(KEY)).toBeUndefined()
  for (const kind of ['unavailable', 'rate_limited', 'rate_limited', 'invalid_request'] as const) {
    health.record(KEY, { outcome: 'failed', kind })
  }
  for (let count = 0; count < 3; count += 1) health.record(KEY, { outcome: 'succeeded', latencyMs: 5, isStream: false })
  expect(health.read(KEY)).toMatchObject({ samples: 4, errorRate: 0.25, rateLimitedRate: 2 / 6 })
  now += 30_000
  expect(health.read(KEY)).toMatchObject({ samples: 2, errorRate: 0.25, rateLimitedRate: 2 / 6 })
})
