import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHealth, type HealthOptions } from './health.ts'

const KEY = 'openai gpt-4o'

function healthAt(start = 1_000_000) {
  let now = start
  const health = createHealth({ clock: () => now })
  return {
    health,
    pass: (milliseconds: number) => {
      now += milliseconds
    },
    fail: (kind: 'unavailable' | 'rate_limited' | 'invalid_request' | 'authentication', retryAfterMs?: number) =>
      health.record(KEY, { outcome: 'failed', kind, retryAfterMs }),
    succeed: (latencyMs = 100) => health.record(KEY, { outcome: 'succeeded', latencyMs, isStream: false }),
    condition: () => health.read(KEY)?.condition ?? 'ok',
  }
}

afterEach(() => {
  vi.useRealTimers()
})

test.each([
  ['forward', 3_600_000],
  ['back', -3_600_000],
])('a clock that is put %s neither ends a pause nor prolongs it', (_, byMs) => {
  vi.useFakeTimers()
  const health = createHealth()
  health.record(KEY, { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 5_000 })
  vi.setSystemTime(Date.now() + byMs)
  vi.advanceTimersByTime(4_999)
  expect(health.lack(KEY)).toEqual({ reason: 'paused', waitMs: 1 })
  vi.advanceTimersByTime(1)
  expect(health.read(KEY)?.condition).toBe('ok')
})

test.each([
  ['halfLifeMs must be above 0, received 0', { halfLifeMs: 0 }],
  ['health.halfLifeMs must be a number, received NaN', { halfLifeMs: Number.NaN }],
  ['health.errorRateMax must be a number, received NaN', { errorRateMax: Number.NaN }],
  ['errorRateMax must be from 0 to 1, received 50', { errorRateMax: 50 }],
  ['errorRateMax must be from 0 to 1, received -0.5', { errorRateMax: -0.5 }],
  ['errorRateMax must be from 0 to 1, received "0.5"', { errorRateMax: '0.5' }],
  ['halfLifeMs must be above 0, received "30000"', { halfLifeMs: '30000' }],
  ['samplesMin must be a number of 0 or more, received "4"', { samplesMin: '4' }],
  ['openMs must be a number of 0 or more, received -1', { openMs: -1 }],
  ['openMsMax must be a number of 0 or more, received true', { openMsMax: true }],
  ['cooldownMs must be a number of 0 or more, received an object', { cooldownMs: {} }],
  ['cooldownMsMax must be a number of 0 or more, received "5000"', { cooldownMsMax: '5000' }],
  ['refusingMs must be a number of 0 or more, received "60000"', { refusingMs: '60000' }],
  ['probeMs must be a number of 0 or more, received 5', { probeMs: 5n }],
  ['clock must be a function, received 5', { clock: 5 }],
])('is not made with options by which no breaker would ever open, or never close: %s', (message, options) => {
  expect(() => createHealth(options as HealthOptions)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message }))
})

describe('the breaker', () => {
  test('opens for the shortest time again once the provider has recovered', () => {
    const { pass, fail, succeed, condition } = healthAt()
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    pass(5_000)
    fail('unavailable')
    pass(10_000)
    succeed()
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    expect(condition()).toBe('sick')
    pass(5_000)
    expect(condition()).toBe('probe')
  })

  test('stays closed below the smallest sample', () => {
    const { fail, condition } = healthAt()
    for (let i = 0; i < 3; i += 1) fail('unavailable')
    expect(condition()).toBe('ok')
    fail('unavailable')
    expect(condition()).toBe('sick')
  })

  test('opens at exactly the share of failures that it is given', () => {
    const { fail, succeed, condition } = healthAt()
    for (const end of [succeed, succeed, () => fail('unavailable')]) end()
    expect(condition()).toBe('ok')
    fail('unavailable')
    expect(condition()).toBe('sick')
  })

  test('stays open no longer for failures of attempts that were under way when it opened', () => {
    const { fail, pass, condition } = healthAt()
    for (let i = 0; i < 40; i += 1) fail('unavailable')
    expect(condition()).toBe('sick')
    pass(5_000)
    expect(condition()).toBe('probe')
  })

  test('opens no second time for one of them that fails only when a probe may come', () => {
    const { health, fail, pass, condition } = healthAt()
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    pass(6_000)
    health.record(KEY, { outcome: 'failed', kind: 'timeout', tookMs: 30_000 })
    expect(condition()).toBe('probe')
    health.begin(KEY)
    pass(30_000)
    health.record(KEY, { outcome: 'failed', kind: 'timeout', tookMs: 30_000 })
    expect(condition()).toBe('sick')
    pass(9_999)
    expect(condition()).toBe('sick')
    pass(1)
    expect(condition()).toBe('probe')
  })

  test('opens at the smallest sample also where that took some seconds', () => {
    const { fail, pass, condition } = healthAt()
    for (let i = 0; i < 4; i += 1) {
      fail('unavailable')
      pass(1_000)
    }
    expect(condition()).toBe('sick')
  })

  test('stays closed while most requests succeed', () => {
    const { fail, succeed, condition } = healthAt()
    for (let i = 0; i < 20; i += 1) i % 3 === 0 ? fail('unavailable') : succeed()
    expect(condition()).toBe('ok')
  })

  test('forgets failures with time', () => {
    const { fail, pass, condition } = healthAt()
    for (let i = 0; i < 3; i += 1) fail('unavailable')
    pass(300_000)
    fail('unavailable')
    expect(condition()).toBe('ok')
  })

  test('lets one live request through when it was open long enough', () => {
    const { health, fail, pass, condition } = healthAt()
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    expect(health.begin(KEY)).toBe(false)
    pass(5_000)
    expect(condition()).toBe('probe')
    expect([health.begin(KEY), health.begin(KEY)]).toEqual([true, false])
    expect(condition()).toBe('sick')
  })

  test('closes when the probe succeeds, and starts counting anew', () => {
    const { health, fail, succeed, pass, condition } = healthAt()
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    pass(5_000)
    health.begin(KEY)
    succeed()
    expect(condition()).toBe('ok')
    fail('unavailable')
    expect(condition()).toBe('ok')
  })

  test('opens for twice as long when the probe fails', () => {
    const { health, fail, pass, condition } = healthAt()
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    pass(5_000)
    health.begin(KEY)
    fail('unavailable')
    pass(5_000)
    expect(condition()).toBe('sick')
    pass(5_000)
    expect(condition()).toBe('probe')
  })

  test('offers the probe again when the caller of a probe left', () => {
    const { health, fail, pass, condition } = healthAt()
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    pass(5_000)
    health.begin(KEY)
    health.record(KEY, { outcome: 'failed', kind: 'aborted' })
    expect(condition()).toBe('probe')
  })

  test('has one probe at a time, whatever comes meanwhile of attempts that began before', () => {
    const { health, fail, pass, condition } = healthAt()
    health.begin(KEY)
    for (let i = 0; i < 4; i += 1) fail('unavailable')
    pass(5_000)
    health.begin(KEY)
    pass(10)
    health.record(KEY, { outcome: 'failed', kind: 'aborted', tookMs: 5_010 })
    health.record(KEY, { outcome: 'lost', waitedMs: 5_010, isStream: false })
    expect([condition(), health.begin(KEY)]).toEqual(['sick', false])
    // That its stream has begun does not end it.
    health.record(KEY, { outcome: 'answering', latencyMs: 10 })
    expect([condition(), health.begin(KEY)]).toEqual(['sick', false])
    health.record(KEY, { outcome: 'failed', kind: 'aborted', tookMs: 10.9 })
    expect(health.begin(KEY)).toBe(true)
  })
})

test('a 429 pauses for as long as the provider asked, and is not illness', () => {
  const { fail, pass, condition } = healthAt()
  for (let i = 0; i < 10; i += 1) fail('rate_limited', 7_000)
  expect(condition()).toBe('rate_limited')
  pass(6_999)
  expect(condition()).toBe('rate_limited')
  pass(1)
  expect(condition()).toBe('ok')
})

test('a later 429 does not shorten an earlier pause, and no pause is longer than the limit', () => {
  const { fail, pass, condition } = healthAt()
  fail('rate_limited', 1e12)
  fail('rate_limited')
  pass(299_999)
  expect(condition()).toBe('rate_limited')
  pass(1)
  expect(condition()).toBe('ok')
})

test('a refused key pauses the provider at once', () => {
  const { health, fail, condition } = healthAt()
  fail('authentication')
  expect(condition()).toBe('refusing')
  // It is no lack of capacity, for which a request would wait.
  expect(health.lack(KEY)).toBeUndefined()
})

test('an answer ends the pause after a refusal, but for one that was under way before', () => {
  const { health, fail, pass, condition } = healthAt()
  fail('authentication')
  pass(10)
  health.record(KEY, { outcome: 'succeeded', latencyMs: 100, isStream: false, tookMs: 100 })
  health.record(KEY, { outcome: 'succeeded', isStream: true, tookMs: 900 })
  expect(condition()).toBe('refusing')
  health.record(KEY, { outcome: 'succeeded', latencyMs: 5, isStream: false, tookMs: 5 })
  expect(condition()).toBe('ok')
  fail('rate_limited', 7_000)
  health.record(KEY, { outcome: 'succeeded', latencyMs: 5, isStream: false })
  expect(condition()).toBe('rate_limited')
})

test('what the caller did wrong says nothing about the provider', () => {
  const { fail, condition } = healthAt()
  for (let i = 0; i < 100; i += 1) fail('invalid_request')
  expect(condition()).toBe('ok')
})

test('latency is smoothed, and streams are not compared with whole answers', () => {
  const { health, succeed } = healthAt()
  succeed(100)
  succeed(200)
  health.record(KEY, { outcome: 'succeeded', latencyMs: 10, isStream: true })
  expect(health.read(KEY)).toMatchObject({ condition: 'ok', answerMs: 120, firstEventMs: 10 })
})

test('latency stays known, but when nothing was measured for two minutes a better one is not smoothed with it', () => {
  const { health, succeed, pass } = healthAt()
  succeed(9_000)
  pass(119_999)
  succeed(8_000)
  expect(health.read(KEY)).toMatchObject({ answerMs: 8_800, seenMs: 0 })
  pass(120_000)
  expect(health.read(KEY)).toMatchObject({ answerMs: 8_800, seenMs: 120_000 })
  succeed(100)
  expect(health.read(KEY)?.answerMs).toBe(100)
  // One that is worse may be a moment's.
  pass(120_000)
  succeed(1_100)
  expect(health.read(KEY)?.answerMs).toBe(300)
})

describe('timeouts', () => {
  function timeoutsAt() {
    const { health, pass, condition } = healthAt()
    const timeOut = (caller?: string) => health.record(KEY, { outcome: 'failed', kind: 'timeout', tookMs: 30_000, caller })
    const answer = (caller?: string) => health.record(KEY, { outcome: 'succeeded', isStream: false, tookMs: 1_000, caller })
    return { pass, condition, timeOut, answer }
  }

  test('of one caller alone do not count while others are answered', () => {
    const { pass, condition, timeOut, answer } = timeoutsAt()
    for (let time = 0; time < 10; time += 1) {
      pass(1_000)
      if (time % 5 === 0) answer('ada')
      timeOut('long')
    }
    expect(condition()).toBe('ok')
  })

  test.each([
    ['of one caller, while nobody is answered', ['long', 'long', 'long', 'long'], []],
    ['of one caller, while only that one is answered', ['long', 'long', 'long', 'long'], ['long']],
    ['of several callers, though others are answered', ['bob', 'cem', 'bob', 'cem', 'bob', 'cem'], ['ada']],
    ['of nobody in particular', [undefined, undefined, undefined, undefined], ['ada']],
  ] as const)('%s count', (_, late, answered) => {
    const { pass, condition, timeOut, answer } = timeoutsAt()
    for (const caller of answered) answer(caller)
    for (const caller of late) {
      pass(100)
      timeOut(caller)
    }
    expect(condition()).toBe('sick')
  })

  test('of one caller count again where the last answer to another came before the attempt', () => {
    const { pass, condition, timeOut, answer } = timeoutsAt()
    answer('ada')
    pass(31_000)
    for (let time = 0; time < 4; time += 1) timeOut('long')
    expect(condition()).toBe('sick')
  })
})

const step = fc.record({
  waitMs: fc.constantFrom(0, 0, 100, 1_999, 2_000, 5_000, 12_000, 30_000, 200_000),
  outcome: fc.constantFrom('answer', 'illness', 'illness', 'limited', 'ours'),
})

test('whatever happens, condition and rates are those of a reference that remembers every observation', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { health, pass, fail, succeed, condition } = healthAt(0)
      let now = 0
      let seen: { at: number; outcome: string }[] = []
      let pausedUntil = 0
      let openUntil: number | undefined
      let openings = 0
      const sum = (...outcomes: string[]) =>
        seen.filter((one) => outcomes.includes(one.outcome)).reduce((total, { at }) => total + 0.5 ** ((now - at) / 30_000), 0)
      const open = () => {
        openUntil = now + Math.min(120_000, 5_000 * 2 ** openings)
        openings += 1
      }
      for (const { waitMs, outcome } of steps) {
        pass(waitMs)
        now += waitMs
        health.begin(KEY, true)
        if (outcome === 'answer') succeed()
        else fail(outcome === 'illness' ? 'unavailable' : outcome === 'limited' ? 'rate_limited' : 'invalid_request')

        if (outcome === 'answer' && openUntil !== undefined) [seen, openUntil, openings] = [[], undefined, 0]
        if (outcome !== 'ours') seen.push({ at: now, outcome })
        if (outcome === 'limited') pausedUntil = now + 2_000
        if (outcome === 'illness') {
          const samples = sum('answer', 'illness')
          const isIll = Math.round(samples) >= 4 && sum('illness') / samples >= 0.5
          if (openUntil === undefined ? isIll : openUntil <= now) open()
        }
        const breaker = openUntil === undefined ? 'ok' : openUntil > now ? 'sick' : 'probe'
        expect(condition()).toBe(pausedUntil > now ? 'rate_limited' : breaker)
        const { samples = 0, errorRate = 0, rateLimitedRate = 0 } = health.read(KEY) ?? {}
        const observed = sum('answer', 'illness')
        expect(samples).toBeCloseTo(observed, 9)
        if (observed > 0) expect(errorRate).toBeCloseTo(sum('illness') / observed, 9)
        const all = sum('answer', 'illness', 'limited')
        if (all > 0) expect(rateLimitedRate).toBeCloseTo(sum('limited') / all, 9)
      }
    }),
    { numRuns: 500 },
  )
})
