import {
  credits,
  type Offer,
  type ProviderAdapter,
  ProviderError,
  type ProviderErrorKind,
  quantity,
  type Usage,
} from '@farebox/core'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { attempt, type WholeAnswer, type WholeAttemptOptions } from './attempt.ts'
import type { LateAnswer } from './attempt-options.ts'
import type { AttemptRecord } from './attempt-record.ts'
import { createConcurrency } from './concurrency.ts'
import { createHealth } from './health.ts'
import { createHedgeBudget } from './hedge-budget.ts'
import type { Candidate, Operation, Route } from './route.ts'

interface Answer {
  text: string
  usage?: Usage
}

function routeOf(names: string[], operation: Operation = 'chat', contextTokens: (number | undefined)[] = []): Route {
  const candidates = names.map((name, position): Candidate => {
    const capabilities = { contextTokens: contextTokens[position] }
    const offer: Offer = { service: 'gpt', provider: name, model: name, capabilities, quality: 1, latencyMs: 1 }
    const adapter: ProviderAdapter = { name, isSimulated: false, availability: { status: 'ready' }, offers: [offer] }
    return {
      offer,
      adapter,
      entry: { offer, adapter, healthKey: name, position },
      chargeExpected: credits(1),
      chargeCeiling: credits(1),
      cost: undefined,
      latencyMs: 1,
      score: 1,
      rank: position,
      condition: 'ok',
      why: '',
    }
  })
  return {
    status: 'planned',
    service: 'gpt',
    operation,
    candidates,
    rejected: [],
    strategy: 'configured',
    notOffered: [],
    hold: credits(1),
  }
}

function fails(kind: ProviderErrorKind, facts: { retryAfterMs?: number; usage?: Usage } = {}) {
  return new ProviderError(kind, { provider: 'test', kind, ...facts })
}

const hang = () => new Promise<never>(() => {})

type Script = Record<string, (ProviderErrorKind | Error | 'hang' | 'answer')[]>

/** Providers that follow a script, call after call, and answer once it is over. */
function play(script: Script, overrides: Partial<WholeAttemptOptions<Answer, string>> = {}) {
  const called: string[] = []
  const signals: AbortSignal[] = []
  const running = attempt<Answer, string>({
    route: routeOf(Object.keys(script)),
    id: 'r',
    random: () => 0.5,
    call: async ({ offer: { provider } }, { signal }) => {
      called.push(provider)
      signals.push(signal)
      const line = script[provider]?.shift() ?? 'answer'
      if (line === 'hang') return hang()
      if (line === 'answer') return { text: provider }
      throw typeof line === 'string' ? fails(line) : line
    },
    ...overrides,
  })
  return { running, called, signals }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  expect(vi.getTimerCount(), 'every timer is cleared').toBe(0)
  vi.useRealTimers()
})

async function outcomeOf(played: ReturnType<typeof play>) {
  await vi.runAllTimersAsync()
  return played.running
}

describe('the same candidate is asked again', () => {
  const spent: Usage = { quantities: [{ meter: 'input', quantity: quantity(9), unit: 'tokens' }], certainty: 'exact' }

  test('not where another could be, and the time would be over before it may', async () => {
    const played = play({ first: [fails('unavailable', { retryAfterMs: 400 })], second: [] }, { deadlines: { totalMs: 300 } })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'second' } })
    expect(played.called).toEqual(['first', 'second'])
  })

  test.each([
    ['once that is allowed', undefined, ['first', 'first']],
    ['not where that is refused', { refused: 'spent' }, ['first', 'second']],
  ])('after a failure that used something %s', async (_, answer, called) => {
    const asked: string[] = []
    const played = play(
      { first: [fails('unavailable', { usage: spent })], second: [] },
      {
        beforeAttempt: async ({ offer: { provider } }, { cause }) => {
          asked.push(`${provider} ${cause}`)
          return cause === 'retry' ? answer : undefined
        },
      },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: called[1] } })
    expect(played.called).toEqual(called)
    expect(asked.slice(0, 2)).toEqual(['first first', 'first retry'])
  })

  test('although the failure before has opened its breaker', async () => {
    const played = play({ first: ['unavailable'], second: [] }, { health: createHealth({ samplesMin: 1 }) })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'first' } })
    expect(played.called).toEqual(['first', 'first'])
  })

  test('never, once another was asked because it has no room: nobody waits for it until the deadline', async () => {
    const health = createHealth({ cooldownMs: 0 })
    // Somebody else's, which is all that it takes at once.
    health.begin('first')
    const played = play({ first: ['rate_limited'], second: ['malformed'] }, { health })
    expect(await outcomeOf(played)).toMatchObject({ status: 'failed', cause: 'exhausted', error: { kind: 'malformed' } })
    expect(played.called).toEqual(['first', 'second'])
  })
})

test('of two that are paused for as long, the first is waited for, and they do not give way to each other for ever', async () => {
  const health = createHealth()
  for (const provider of ['first', 'second']) {
    health.record(provider, { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 2_000 })
  }
  let asked = 0
  const lack: typeof health.lack = (healthKey, isRetry) => {
    asked += 1
    if (asked > 100) throw new Error('they give way to each other')
    return health.lack(healthKey, isRetry)
  }
  const played = play({ first: [], second: [] }, { health: { ...health, lack } })
  expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'first' } })
  expect(played.called).toEqual(['first'])
})

test('of two that are paused, the one whose pause ends first is waited for', async () => {
  const health = createHealth()
  const pause = (provider: string, retryAfterMs: number) =>
    health.record(provider, { outcome: 'failed', kind: 'rate_limited', retryAfterMs })
  pause('first', 2_000)
  pause('second', 8_000)
  const played = play({ first: [], second: [] }, { health })
  await vi.advanceTimersByTimeAsync(3_000)
  expect(played.called).toEqual(['first'])
  expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'first' } })
})

test('one that may be asked again soon is waited for, though another could be asked sooner', async () => {
  const health = createHealth()
  health.record('first', { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 800 })
  health.record('second', { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 100 })
  const played = play({ first: [], second: [] }, { health })
  expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'first' } })
})

test('one whose breaker is to let a request through is asked in its place, or it would never be found well', async () => {
  const health = createHealth({ samplesMin: 1, openMs: 5_000 })
  health.record('first', { outcome: 'failed', kind: 'unavailable' })
  expect(await outcomeOf(play({ first: [], second: [] }, { health }))).toMatchObject({ value: { text: 'second' } })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(health.read('first')).toMatchObject({ condition: 'probe' })
  expect(await outcomeOf(play({ first: [], second: [] }, { health }))).toMatchObject({ value: { text: 'first' } })
  expect(health.read('first')).toMatchObject({ condition: 'ok' })
})

test('one that was found ill while a request waited for its slot is not asked while another is well', async () => {
  const health = createHealth({ samplesMin: 1 })
  const concurrency = createConcurrency({ byAdapter: { first: 1 } })
  const before = play({ first: ['malformed'], second: [] }, { health, concurrency })
  const played = play({ first: [], second: [] }, { health, concurrency })
  expect(await outcomeOf(before)).toMatchObject({ value: { text: 'second' } })
  expect(await outcomeOf(played)).toMatchObject({ value: { text: 'second' } })
  expect(played.called).toEqual(['second'])
})

describe('fallback by error class', () => {
  test.each([
    'timeout',
    'incomplete',
    'authentication',
    'quota_exhausted',
    'model_not_found',
    'unsupported',
    'malformed',
  ] as const)('after %s the next candidate is asked, and not the same one again', async (kind) => {
    const played = play({ first: [kind], second: [] })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'second' }, attemptId: 'r.2' })
    expect(played.called).toEqual(['first', 'second'])
  })

  test.each(['rate_limited', 'overloaded', 'unavailable', 'network'] as const)(
    'after %s the same candidate is asked once more, then the next',
    async (kind) => {
      const played = play({ first: [kind, kind], second: [] })
      expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'second' } })
      expect(played.called).toEqual(['first', 'first', 'second'])
    },
  )

  test.each(['invalid_request', 'content_policy', 'outcome_unknown', 'aborted'] as const)(
    'after %s nobody else is asked',
    async (kind) => {
      const played = play({ first: [kind], second: [] })
      expect(await outcomeOf(played)).toMatchObject({ status: 'failed', cause: 'stopped', error: { kind } })
      expect(played.called).toEqual(['first'])
    },
  )

  test('a prompt refused for its content goes to the next candidate where that is allowed', async () => {
    const played = play({ first: ['content_policy'], second: [] }, { allowContentPolicyFallback: true })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'second' } })
  })

  test('after context_too_long only a larger window is asked', async () => {
    const played = play(
      { first: ['context_too_long'], same: [], unstated: [], larger: [] },
      { route: routeOf(['first', 'same', 'unstated', 'larger'], 'chat', [8_000, 8_000, undefined, 16_000]) },
    )
    expect(await outcomeOf(played)).toMatchObject({ value: { text: 'larger' } })
    expect(played.called).toEqual(['first', 'larger'])
  })

  test('what an adapter throws by mistake is malformed, and keeps its cause', async () => {
    const mistake = new TypeError('undefined is not a function')
    const played = play({ first: [mistake] })
    expect(await outcomeOf(played)).toMatchObject({
      status: 'failed',
      cause: 'exhausted',
      error: { kind: 'malformed', cause: mistake },
    })
  })

  test.each([
    ['an answer', { text: 'at once' }, 'succeeded'],
    ['nothing', undefined, 'failed'],
  ])('a call that returns %s instead of a promise has ended, and keeps nothing', async (_, value, status) => {
    const [health, concurrency] = [createHealth(), createConcurrency({ default: 1 })]
    const outcome = await outcomeOf(play({ first: [] }, { health, concurrency, call: () => value as never }))
    expect(outcome).toMatchObject({ status, attempts: [{ outcome: status }] })
    expect(concurrency.stats()).toMatchObject([{ running: 0 }])
    expect(health.read('first')).toMatchObject({ inFlight: 0 })
  })

  test('a call that throws before it returns a promise has failed like any other', async () => {
    const running = attempt<Answer>({
      route: routeOf(['only']),
      id: 'r',
      call: () => {
        throw fails('invalid_request')
      },
    })
    expect(await running).toMatchObject({ status: 'failed', error: { kind: 'invalid_request' } })
  })
})

describe('a phone call', () => {
  const route = routeOf(['first', 'second'], 'call')

  test.each(['timeout', 'outcome_unknown', 'network', 'unavailable', 'overloaded', 'incomplete', 'malformed'] as const)(
    'is never made again after %s: a phone may be ringing',
    async (kind) => {
      const played = play({ first: [kind], second: [] }, { route })
      expect(await outcomeOf(played)).toMatchObject({ status: 'failed', cause: 'stopped' })
      expect(played.called).toEqual(['first'])
    },
  )

  test('is made elsewhere when the provider turned it down', async () => {
    const played = play({ first: ['authentication'], second: [] }, { route })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'second' } })
  })

  test('that does not answer has an unknown outcome, and so has one whose adapter broke', async () => {
    const hung = play({ first: ['hang'], second: [] }, { route, deadlines: { attemptMs: 50 } })
    expect(await outcomeOf(hung)).toMatchObject({ status: 'failed', error: { kind: 'outcome_unknown' } })
    const broken = play({ first: [new Error('oops')], second: [] }, { route })
    expect(await outcomeOf(broken)).toMatchObject({ status: 'failed', error: { kind: 'outcome_unknown' } })
  })

  test('has hours to end, unless told otherwise', async () => {
    const played = play({}, { route, call: () => new Promise((resolve) => setTimeout(resolve, 3_600_000, { text: 'bye' })) })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'bye' } })
  })
})

describe('deadlines', () => {
  test('a provider that hangs is left at its deadline, told so, and followed by the next', async () => {
    const played = play({ first: ['hang'], second: [] }, { deadlines: { attemptMs: 100 } })
    await vi.advanceTimersByTimeAsync(99)
    expect(played.signals[0]?.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(played.signals[0]?.reason).toMatchObject({ name: 'TimeoutError' })
    expect(await played.running).toMatchObject({ status: 'succeeded', value: { text: 'second' } })
  })

  test('the overall deadline ends the last attempt early', async () => {
    const startedAt = Date.now()
    const played = play({ first: ['hang'], second: ['hang'] }, { deadlines: { attemptMs: 100, totalMs: 150 } })
    const outcome = await outcomeOf(played)
    expect(outcome).toMatchObject({ status: 'failed', cause: 'deadline', error: { kind: 'timeout' } })
    expect(outcome.attempts.map(({ endedAt }) => endedAt - startedAt)).toEqual([100, 150])
  })

  test('a provider that had only what another left of the time is not taken for ill', async () => {
    const health = createHealth()
    await outcomeOf(play({ first: ['hang'], second: ['hang'] }, { deadlines: { attemptMs: 100, totalMs: 120 }, health }))
    expect(health.read('first')?.errorRate).toBe(1)
    expect(health.read('second')?.errorRate).toBeUndefined()
  })

  test.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('a clock that is put %s during a call neither ends nor prolongs it', async (_, byMs) => {
    const health = createHealth()
    const late = { first: ['hang', 'hang'], second: ['hang'] } satisfies Parameters<typeof play>[0]
    const played = play(late, { deadlines: { attemptMs: 100, totalMs: 150 }, health })
    const startedAt = Date.now()
    await vi.advanceTimersByTimeAsync(50)
    vi.setSystemTime(Date.now() + byMs)
    await vi.advanceTimersByTimeAsync(99)
    expect(played.called).toEqual(['first', 'second'])
    await vi.advanceTimersByTimeAsync(1)
    const outcome = await played.running
    expect(outcome).toMatchObject({ status: 'failed', cause: 'deadline', error: { kind: 'timeout' } })
    expect(outcome.attempts.map((attempt) => attempt.endedAt - attempt.startedAt)).toEqual([100, 50])
    expect(outcome.attempts[0]?.startedAt).toBe(startedAt)
    expect(outcome.attempts[1]?.startedAt).toBe(startedAt + 100 + byMs)
  })

  test('without time no attempt is made', async () => {
    const played = play({ first: [] }, { deadlines: { totalMs: 0 } })
    expect(await outcomeOf(played)).toMatchObject({ status: 'failed', cause: 'deadline', attempts: [] })
    expect(played.called).toEqual([])
  })

  test.each([
    ['deadlines.totalMs', { deadlines: { totalMs: Number.NaN } }],
    ['deadlines.attemptMs', { deadlines: { attemptMs: Number.NaN } }],
    ['retries.triesMax', { retries: { triesMax: Number.NaN } }],
    ['hedge.afterMs', { hedge: { afterMs: Number.NaN, budget: createHedgeBudget() } }],
  ])('%s that is no number is refused: nobody would wait for it to pass', async (option, wrong) => {
    const played = play({ first: [] }, wrong)
    await expect(played.running).rejects.toThrow(`${option} must be a number, received NaN`)
    expect(played.called).toEqual([])
  })

  test('a deadline beyond what timers can wait does not fire at once', async () => {
    const played = play(
      {},
      {
        route: routeOf(['slow']),
        deadlines: { totalMs: Number.POSITIVE_INFINITY, attemptMs: Number.POSITIVE_INFINITY },
        call: () => new Promise((resolve) => setTimeout(resolve, 1_000, { text: 'late' })),
      },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded' })
  })

  test('an answer after the deadline is reported, not lost', async () => {
    const late: LateAnswer<Answer>[] = []
    const played = play(
      { first: [], second: [] },
      {
        deadlines: { attemptMs: 100 },
        onLateAnswer: (answer) => {
          late.push(answer)
          throw new Error('an observer that fails')
        },
        call: ({ offer: { provider } }) =>
          provider === 'first'
            ? new Promise((resolve) => setTimeout(resolve, 500, { text: 'after all' }))
            : Promise.resolve({ text: 'second' }),
      },
    )
    expect(await outcomeOf(played)).toMatchObject({ value: { text: 'second' } })
    expect(late).toMatchObject([{ attemptId: 'r.1', status: 'answered', value: { text: 'after all' } }])
  })

  test('a provider that rejects after its deadline raises nothing', async () => {
    const played = play(
      { first: [] },
      {
        deadlines: { attemptMs: 100 },
        call: () =>
          new Promise((_, reject) => {
            setTimeout(() => reject(new Error('late')), 500)
          }),
      },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'failed', error: { kind: 'timeout' } })
  })
})

describe('retries', () => {
  test('wait a random part of a backoff that doubles', async () => {
    const waits: number[] = []
    const played = play(
      { only: ['unavailable', 'unavailable', 'unavailable', 'unavailable'] },
      {
        retries: { triesMax: 5, backoffMs: 100, backoffMsMax: 300 },
        sleep: async (milliseconds) => {
          waits.push(milliseconds)
        },
      },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded' })
    expect(waits).toEqual([50, 100, 150, 150])
  })

  test('wait for as long as the provider asks, when nobody else is left', async () => {
    const startedAt = Date.now()
    const played = play({ only: [fails('rate_limited', { retryAfterMs: 20_000 })] })
    const outcome = await outcomeOf(played)
    expect(outcome).toMatchObject({ status: 'succeeded' })
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(20_000)
  })

  test('go to the next candidate rather than wait long', async () => {
    const startedAt = Date.now()
    const played = play({ first: [fails('rate_limited', { retryAfterMs: 20_000 })], second: [] })
    expect(await played.running).toMatchObject({ value: { text: 'second' } })
    expect(Date.now()).toBe(startedAt)
  })

  test('are not made when the wait would pass the overall deadline', async () => {
    const played = play({ only: [fails('rate_limited', { retryAfterMs: 90_000 })] })
    expect(await played.running).toMatchObject({ status: 'failed', cause: 'exhausted', error: { kind: 'rate_limited' } })
  })
})

describe('the caller leaves', () => {
  test('during a call: the provider is told, and nobody else is asked', async () => {
    const controller = new AbortController()
    const played = play({ first: ['hang'], second: [] }, { signal: controller.signal })
    await vi.advanceTimersByTimeAsync(10)
    controller.abort()
    const outcome = await played.running
    expect(outcome).toMatchObject({ status: 'left', attempts: [{ outcome: 'left' }] })
    expect(played.signals[0]?.aborted).toBe(true)
    expect(played.called).toEqual(['first'])
  })

  test('during a backoff', async () => {
    const controller = new AbortController()
    const played = play(
      { only: ['unavailable'] },
      { signal: controller.signal, retries: { backoffMs: 10_000, backoffMsMax: 10_000 } },
    )
    await vi.advanceTimersByTimeAsync(10)
    controller.abort()
    expect(await played.running).toMatchObject({ status: 'left' })
    expect(played.called).toEqual(['only'])
  })

  test('before anything was done', async () => {
    const played = play({ only: [] }, { signal: AbortSignal.abort() })
    expect(await played.running).toEqual({ status: 'left', attempts: [] })
    expect(played.called).toEqual([])
  })
})

describe('beforeAttempt', () => {
  test('is asked once for each candidate, not for its retries', async () => {
    const asked: string[] = []
    const played = play(
      { first: ['unavailable', 'unavailable'], second: [] },
      {
        beforeAttempt: async ({ offer }) => {
          asked.push(offer.provider)
          return undefined
        },
      },
    )
    await outcomeOf(played)
    expect(asked).toEqual(['first', 'second'])
  })

  test('keeps a candidate from being called; a later one may pass', async () => {
    const played = play(
      { dear: [], cheap: [] },
      { beforeAttempt: async ({ offer }) => (offer.provider === 'dear' ? { refused: 'too dear' } : undefined) },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'cheap' } })
    expect(played.called).toEqual(['cheap'])
  })

  test('refuses the route when it lets nobody pass that is left, and says what failed before', async () => {
    const played = play(
      { first: ['model_not_found'], dear: [] },
      { beforeAttempt: async ({ offer }) => (offer.provider === 'dear' ? { refused: 'too dear' } : undefined) },
    )
    const outcome = await outcomeOf(played)
    expect(outcome).toMatchObject({ status: 'refused', refusal: 'too dear', error: { kind: 'model_not_found' } })
    expect(outcome.attempts).toHaveLength(1)
  })

  test('refuses the route with what it said of the first that it let not pass', async () => {
    const beforeAttempt = async ({ offer: { provider } }: Candidate) => ({ refused: `no credits for ${provider}` })
    const outcome = await outcomeOf(play({ first: [], second: [] }, { beforeAttempt }))
    expect(outcome).toMatchObject({ status: 'refused', refusal: 'no credits for first', candidate: { rank: 0 } })
  })

  test('counts no more once another candidate was asked after it, whose failure is what is told', async () => {
    const beforeAttempt = async ({ offer }: Candidate) => (offer.provider === 'dear' ? { refused: 'too dear' } : undefined)
    const outcome = await outcomeOf(play({ dear: [], cheap: ['malformed'] }, { beforeAttempt }))
    expect(outcome).toMatchObject({ status: 'failed', cause: 'exhausted', error: { kind: 'malformed' } })
  })

  test('may throw, and is heard', async () => {
    const played = play({ only: [] }, { beforeAttempt: () => Promise.reject(new Error('the ledger is gone')) })
    await expect(played.running).rejects.toThrow('the ledger is gone')
  })
})

test.each(['authentication', 'quota_exhausted'] as const)(
  'the other offers of an adapter come last once its key failed: %s',
  async (kind) => {
    const route = routeOf(['first', 'second', 'other'])
    const [first, second, other] = route.candidates as [Candidate, Candidate, Candidate]
    const played = play(
      { first: [kind], second: [], other: [] },
      { route: { ...route, candidates: [first, { ...second, adapter: first.adapter }, other] } },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'other' } })
    expect(played.called).toEqual(['first', 'other'])
  },
)

describe('records', () => {
  test('say of each attempt how it ended and what it used, the failed ones too', async () => {
    const usage: Usage = { quantities: [{ meter: 'input', quantity: quantity(7), unit: 'tokens' }], certainty: 'exact' }
    const told: AttemptRecord[] = []
    const played = play(
      { first: [fails('malformed', { usage })], second: [] },
      {
        onAttempt: (record) => {
          told.push(record)
          throw new Error('an observer that fails')
        },
      },
    )
    const { attempts } = await outcomeOf(played)
    expect(attempts).toMatchObject([
      { attemptId: 'r.1', outcome: 'failed', errorKind: 'malformed', usage },
      { attemptId: 'r.2', outcome: 'succeeded', errorKind: undefined, usage: undefined },
    ])
    expect(told).toEqual(attempts)
  })

  test('know what their provider calls the request or the phone call, by which its bill is found', async () => {
    const { attempts } = await attempt<WholeAnswer>({
      route: routeOf(['first', 'second'], 'call'),
      id: 'r',
      call: async ({ offer: { provider } }) => {
        if (provider === 'second') return { callId: 'CA2' }
        throw new ProviderError('no minutes are left', { provider, kind: 'quota_exhausted', requestId: 'CA1' })
      },
    })
    expect(attempts.map(({ outcome, requestId }) => [outcome, requestId])).toEqual([
      ['failed', 'CA1'],
      ['succeeded', 'CA2'],
    ])
  })

  test('teach health what happened', async () => {
    const health = createHealth()
    await outcomeOf(play({ first: ['quota_exhausted'], second: [] }, { health }))
    expect(health.read('first')?.condition).toBe('refusing')
    expect(health.read('second')).toMatchObject({ condition: 'ok', answerMs: 0, firstEventMs: undefined })
  })
})

describe('a candidate that is known to be ill', () => {
  test('waits until those that are well have failed, and is then asked after all', async () => {
    const health = createHealth()
    health.record('ill', { outcome: 'failed', kind: 'quota_exhausted' })
    const played = play({ ill: [], well: ['malformed'] }, { health })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'ill' } })
    expect(played.called).toEqual(['well', 'ill'])
  })

  test('is asked when it is the only one', async () => {
    const health = createHealth()
    health.record('ill', { outcome: 'failed', kind: 'quota_exhausted' })
    expect(await outcomeOf(play({ ill: [] }, { health }))).toMatchObject({ status: 'succeeded' })
  })
})

const kinds = [
  'rate_limited',
  'overloaded',
  'unavailable',
  'network',
  'timeout',
  'incomplete',
  'authentication',
  'quota_exhausted',
  'model_not_found',
  'context_too_long',
  'content_policy',
  'invalid_request',
  'unsupported',
  'malformed',
  'outcome_unknown',
  'aborted',
] as const

test('whatever providers do, every call is recorded, in order, and success is always the last', async () => {
  const line = fc.constantFrom(...kinds, 'hang' as const, 'answer' as const)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('chat', 'call'),
      async (lines, operation) => {
        const names = lines.map((_, index) => `p${index}`)
        const script = Object.fromEntries(names.map((name, index) => [name, [...(lines[index] ?? [])]]))
        const played = play(script, { route: routeOf(names, operation), health: createHealth() })
        const outcome = await outcomeOf(played)
        expect(outcome.attempts.map(({ attemptId }) => attemptId)).toEqual(played.called.map((_, index) => `r.${index + 1}`))
        expect(outcome.attempts.map(({ candidate }) => candidate.offer.provider)).toEqual(played.called)
        expect(outcome.attempts.slice(0, -1).every(({ outcome }) => outcome === 'failed')).toBe(true)
        expect(outcome.attempts.at(-1)?.outcome).toBe(outcome.status === 'succeeded' ? 'succeeded' : 'failed')
      },
    ),
  )
})
