import { type ChatEvent, quantity, type Usage } from '@farebox/core'
import {
  type AttemptOptions,
  type AttemptRecord,
  attempt,
  attemptStream,
  createConcurrency,
  createHealth,
  createHedgeBudget,
  type LateAnswer,
} from '@farebox/router'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failure, routeOf } from './scripted.ts'

interface Answer {
  text: string
  usage?: Usage
}

const usage: Usage = { quantities: [{ meter: 'output', quantity: quantity(3), unit: 'tokens' }], certainty: 'exact' }

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  expect(vi.getTimerCount(), 'every timer is cleared').toBe(0)
  vi.useRealTimers()
})

/** Providers that answer after so many milliseconds, or fail then; `Infinity` never does. */
type Speeds = Record<string, number | { failsAfterMs: number; kind: Parameters<typeof failure>[0] }>

function play(
  speeds: Speeds,
  options: Partial<AttemptOptions<string>> & { onLateAnswer?: (late: LateAnswer<Answer>) => void } = {},
) {
  const called: string[] = []
  const signals = new Map<string, AbortSignal>()
  const running = attempt<Answer, string>({
    route: routeOf(Object.keys(speeds)),
    id: 'r',
    random: () => 0.5,
    hedge: { afterMs: 100, budget: fullBudget() },
    call: async ({ offer: { provider } }, { signal }) => {
      called.push(provider)
      signals.set(provider, signal)
      const speed = speeds[provider] ?? 0
      const milliseconds = typeof speed === 'number' ? speed : speed.failsAfterMs
      if (milliseconds === Number.POSITIVE_INFINITY) return new Promise(() => {})
      await new Promise((resolve) => setTimeout(resolve, milliseconds))
      if (typeof speed !== 'number') throw failure(speed.kind)
      return { text: provider, usage }
    },
    ...options,
  })
  return { running, called, signals }
}

/** A budget that allows the next request to be hedged. */
function fullBudget() {
  const budget = createHedgeBudget({ share: 1 })
  budget.earn()
  return budget
}

async function outcomeOf(played: ReturnType<typeof play>) {
  await vi.runAllTimersAsync()
  return played.running
}

test('a hedge is one of the tries that its candidate gets', async () => {
  const speeds: Speeds = {
    slow: { failsAfterMs: 500, kind: 'unavailable' },
    other: { failsAfterMs: 50, kind: 'unavailable' },
  }
  const played = play(speeds, { retries: { triesMax: 1 } })
  expect(await outcomeOf(played)).toMatchObject({ status: 'failed', cause: 'exhausted' })
  expect(played.called).toEqual(['slow', 'other'])
})

describe('a slow first attempt', () => {
  test('is joined by the next candidate, the faster wins, and the slower is stopped and recorded as lost', async () => {
    const played = play({ slow: 5_000, quick: 50 })
    await vi.advanceTimersByTimeAsync(99)
    expect(played.called).toEqual(['slow'])
    await vi.advanceTimersByTimeAsync(51)
    const outcome = await played.running
    expect(outcome).toMatchObject({ status: 'succeeded', value: { text: 'quick' }, candidate: { offer: { provider: 'quick' } } })
    expect(played.signals.get('slow')?.aborted).toBe(true)
    expect(played.signals.get('quick')?.aborted).toBe(false)
    expect(outcome.attempts).toMatchObject([
      { attemptId: 'r.2', cause: 'hedge', outcome: 'succeeded', usage },
      { attemptId: 'r.1', cause: 'first', outcome: 'lost', usage: undefined },
    ])
    await vi.runAllTimersAsync()
  })

  test('may still win, and then the hedge is lost', async () => {
    const outcome = await outcomeOf(play({ slow: 150, slower: 5_000 }))
    expect(outcome).toMatchObject({ status: 'succeeded', value: { text: 'slow' }, attemptId: 'r.1' })
    expect(outcome.attempts).toMatchObject([{ outcome: 'succeeded' }, { cause: 'hedge', outcome: 'lost' }])
  })

  test('that answers in the same moment as the hedge is the only success, and the usage of the other is known', async () => {
    const gate = new Promise((resolve) => setTimeout(resolve, 150))
    const running = attempt<Answer>({
      route: routeOf(['slow', 'quick']),
      id: 'r',
      hedge: { afterMs: 100, budget: fullBudget() },
      call: async ({ offer: { provider } }) => {
        await gate
        return { text: provider, usage }
      },
    })
    await vi.runAllTimersAsync()
    const outcome = await running
    expect(outcome.attempts.map((record) => record.outcome).toSorted()).toEqual(['lost', 'succeeded'])
    expect(outcome.attempts.map((record) => record.usage)).toEqual([usage, usage])
  })

  test('whose answer comes after it was lost is told of, so that it can be accounted', async () => {
    const late: LateAnswer<Answer>[] = []
    await outcomeOf(play({ slow: 500, quick: 0 }, { onLateAnswer: (answer) => late.push(answer) }))
    expect(late).toMatchObject([{ attemptId: 'r.1', status: 'answered', value: { usage } }])
  })

  test('is stopped with its hedge where the caller leaves', async () => {
    const caller = new AbortController()
    const played = play({ slow: 60_000, slower: 60_000 }, { signal: caller.signal })
    await vi.advanceTimersByTimeAsync(150)
    expect(played.called).toEqual(['slow', 'slower'])
    caller.abort(new Error('the caller left'))
    for (const signal of played.signals.values()) expect(signal.reason).toEqual(new Error('the caller left'))
    const outcome = await played.running
    expect(outcome.attempts).toMatchObject([{ outcome: 'left' }, { outcome: 'left' }])
    await vi.runAllTimersAsync()
  })

  test('is joined; one that follows a failure is not', async () => {
    const played = play({ fails: { failsAfterMs: 10, kind: 'malformed' }, slow: 5_000, other: 0 })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'slow' } })
    expect(played.called).toEqual(['fails', 'slow'])
  })

  test('that answers in time is not joined', async () => {
    const played = play({ prompt: 90, other: 0 })
    expect(await outcomeOf(played)).toMatchObject({ value: { text: 'prompt' } })
    expect(played.called).toEqual(['prompt'])
  })

  test.each(['call', 'listen', 'converse'] as const)('of operation %s is never joined', async (operation) => {
    const played = play({ slow: 500, other: 0 }, { route: routeOf(['slow', 'other'], operation) })
    expect(await outcomeOf(played)).toMatchObject({ value: { text: 'slow' } })
    expect(played.called).toEqual(['slow'])
  })
})

test('a hedge that wins teaches that the first takes longer than was waited for it, and no more of it', async () => {
  const health = createHealth()
  health.record('slow', { outcome: 'succeeded', latencyMs: 50, isStream: false })
  await outcomeOf(play({ slow: 5_000, quick: 50 }, { health }))
  expect(health.read('slow')?.answerMs).toBeGreaterThan(50)
  expect(health.read('slow')?.errorRate).toBe(0)
})

describe('when one of the two fails', () => {
  test('the other is waited for', async () => {
    const first = await outcomeOf(play({ fails: { failsAfterMs: 150, kind: 'malformed' }, other: 200 }))
    expect(first).toMatchObject({ status: 'succeeded', value: { text: 'other' } })
    const second = await outcomeOf(play({ slow: 400, fails: { failsAfterMs: 50, kind: 'malformed' } }))
    expect(second).toMatchObject({ status: 'succeeded', value: { text: 'slow' } })
    expect(second.attempts).toMatchObject([{ cause: 'hedge', outcome: 'failed' }, { outcome: 'succeeded' }])
  })

  test('in a way that would repeat everywhere, the other is stopped', async () => {
    const played = play({ slow: 5_000, fails: { failsAfterMs: 10, kind: 'invalid_request' } })
    const outcome = await outcomeOf(played)
    expect(outcome).toMatchObject({ status: 'failed', cause: 'stopped', error: { kind: 'invalid_request' } })
    expect(outcome.attempts).toMatchObject([{ outcome: 'failed' }, { outcome: 'lost' }])
  })

  test('and then the other too, the next is asked', async () => {
    const lines = {
      one: { failsAfterMs: 150, kind: 'malformed' },
      two: { failsAfterMs: 10, kind: 'malformed' },
      three: 0,
    } as const
    const outcome = await outcomeOf(play(lines))
    expect(outcome.attempts).toMatchObject([{ cause: 'hedge' }, { cause: 'first' }, { cause: 'fallback', outcome: 'succeeded' }])
  })

  test('and the hedge might answer later, it is asked again', async () => {
    const called: string[] = []
    const running = attempt<Answer>({
      route: routeOf(['one', 'two']),
      id: 'r',
      hedge: { afterMs: 100, budget: fullBudget() },
      call: async ({ offer: { provider } }) => {
        called.push(provider)
        if (called.length > 2) return { text: provider }
        await new Promise((resolve) => setTimeout(resolve, provider === 'one' ? 150 : 10))
        throw failure(provider === 'one' ? 'malformed' : 'unavailable')
      },
    })
    await vi.runAllTimersAsync()
    expect(await running).toMatchObject({ status: 'succeeded', value: { text: 'two' } })
    expect(called).toEqual(['one', 'two', 'two'])
  })

  test('the hedge counts as one of the tries at its candidate', async () => {
    const lines = {
      one: { failsAfterMs: 150, kind: 'malformed' },
      two: { failsAfterMs: 10, kind: 'unavailable' },
      three: 0,
    } as const
    const played = play(lines, { retries: { triesMax: 2 } })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'three' } })
    expect(played.called).toEqual(['one', 'two', 'two', 'three'])
  })

  test('because its key is refused, the hedge is asked again after those of other keys if it has the same key', async () => {
    const route = routeOf([
      { provider: 'one', adapter: 'refused' },
      { provider: 'two', adapter: 'refused' },
      { provider: 'three', adapter: 'other' },
    ])
    const lines = {
      one: { failsAfterMs: 150, kind: 'quota_exhausted' },
      two: { failsAfterMs: 10, kind: 'unavailable' },
      three: 0,
    } as const
    const played = play(lines, { route })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'three' } })
    expect(played.called).toEqual(['one', 'two', 'three'])
  })

  test.each([
    ['the first', 'context_too_long', 'unavailable'],
    ['the hedge', 'unavailable', 'context_too_long'],
  ] as const)(
    'because the window of %s is too small, the other is not asked again if its own is no larger',
    async (_, one, two) => {
      const route = routeOf([
        { provider: 'one', contextTokens: 1_000 },
        { provider: 'two', contextTokens: 1_000 },
        { provider: 'large', contextTokens: 2_000 },
      ])
      const lines = { one: { failsAfterMs: 150, kind: one }, two: { failsAfterMs: 10, kind: two }, large: 0 }
      const played = play(lines, { route })
      expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'large' } })
      expect(played.called).toEqual(['one', 'two', 'large'])
    },
  )
})

describe('whom a hedge goes to', () => {
  test('is the next that is well', async () => {
    const health = createHealth()
    health.record('ill', { outcome: 'failed', kind: 'quota_exhausted' })
    const played = play({ slow: 500, ill: 0, well: 0 }, { health })
    expect(await outcomeOf(played)).toMatchObject({ value: { text: 'well' } })
    expect(played.called).toEqual(['slow', 'well'])
  })

  test('is nobody whose adapter has no slot free', async () => {
    const concurrency = createConcurrency({ byAdapter: { busy: 1 } })
    const slot = concurrency.takeNow('busy')
    const played = play({ slow: 500, busy: 0 }, { concurrency })
    expect(await outcomeOf(played)).toMatchObject({ value: { text: 'slow' } })
    slot?.()
  })

  test('is asked of beforeAttempt first, because the hold must cover both', async () => {
    const asked: string[] = []
    const played = play(
      { slow: 500, dear: 0 },
      {
        beforeAttempt: async ({ offer }, { cause }) => {
          asked.push(`${offer.provider} ${cause}`)
          return offer.provider === 'dear' ? { refused: 'too dear' } : undefined
        },
      },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'slow' } })
    expect(asked).toEqual(['slow first', 'dear hedge'])
    expect(played.called).toEqual(['slow'])
  })

  test.each([
    ['and is asked again alone once the first has failed', false, { status: 'succeeded', value: { text: 'dear' } }],
    ['and that is not told where the first has shown it to be too small', true, { status: 'failed', cause: 'exhausted' }],
  ] as const)('may be refused by beforeAttempt for want of both, %s', async (_, isTooLong, outcome) => {
    const failing = { failsAfterMs: 500, kind: isTooLong ? ('context_too_long' as const) : ('malformed' as const) }
    const asked: string[] = []
    const beforeAttempt = async ({ offer }: { offer: { provider: string } }, { cause }: { cause: string }) => {
      asked.push(`${offer.provider} ${cause}`)
      return cause === 'hedge' ? { refused: 'too dear' } : undefined
    }
    expect(await outcomeOf(play({ slow: failing, dear: 10 }, { beforeAttempt }))).toMatchObject(outcome)
    expect(asked).toEqual(['slow first', 'dear hedge', ...(isTooLong ? [] : ['dear fallback'])])
  })

  test('is asked of beforeAttempt though it has passed before, when it had to wait and another was asked instead', async () => {
    const health = createHealth()
    const asked: string[] = []
    const played = play(
      { paused: 0, slow: 500 },
      {
        health,
        beforeAttempt: async ({ offer }, { cause }) => {
          if (asked.length === 0) health.record('paused', { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 50 })
          asked.push(`${offer.provider} ${cause}`)
          return undefined
        },
      },
    )
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'paused' } })
    expect(asked).toEqual(['paused first', 'slow first', 'paused hedge'])
  })

  test('is nobody where beforeAttempt throws: the attempt under way goes on', async () => {
    const beforeAttempt = async (_: unknown, { cause }: { cause: string }) => {
      if (cause === 'hedge') throw new Error('the ledger is gone')
      return undefined
    }
    expect(await outcomeOf(play({ slow: 500, other: 0 }, { beforeAttempt }))).toMatchObject({ value: { text: 'slow' } })
  })
})

describe('the budget', () => {
  test('allows no more than its share of requests a second attempt, also when every provider is slow', async () => {
    const budget = createHedgeBudget({ share: 0.05, burst: 10 })
    const records: AttemptRecord[] = []
    for (let request = 0; request < 400; request += 1) {
      const played = play(
        { slow: 300, other: 300 },
        { hedge: { afterMs: 10, budget }, onAttempt: (record) => records.push(record) },
      )
      await outcomeOf(played)
    }
    expect(records.filter(({ cause }) => cause === 'hedge')).toHaveLength(20)
    expect(records).toHaveLength(420)
  })

  test('saves up no more than its burst, also of hedges that were given back', () => {
    const budget = createHedgeBudget({ share: 1, burst: 2 })
    const spent = () => Array.from({ length: 4 }, () => budget.spend())
    for (let request = 0; request < 10; request += 1) budget.earn()
    expect(spent()).toEqual([true, true, false, false])
    for (let hedge = 0; hedge < 10; hedge += 1) budget.giveBack()
    expect(spent()).toEqual([true, true, false, false])
  })

  test('is not spent where nobody could be asked', async () => {
    const budget = fullBudget()
    await outcomeOf(play({ alone: 500 }, { hedge: { afterMs: 10, budget } }))
    expect([budget.spend(), budget.spend()]).toEqual([true, true])
  })
})

test('p95 hedges after what nineteen of twenty took, and not before enough were measured', async () => {
  const health = createHealth()
  const hedged = () => play({ first: 5_000, other: 0 }, { health, hedge: { afterMs: 'p95', budget: fullBudget() } })
  for (let count = 0; count < 7; count += 1) health.record('first', { outcome: 'succeeded', latencyMs: 40, isStream: false })
  const early = hedged()
  await vi.advanceTimersByTimeAsync(4_000)
  expect(early.called).toEqual(['first'])
  expect(await outcomeOf(early)).toMatchObject({ value: { text: 'first' } })
  for (let count = 0; count < 40; count += 1)
    health.record('first', { outcome: 'succeeded', latencyMs: 40 + count, isStream: false })
  const late = hedged()
  await vi.advanceTimersByTimeAsync(76)
  expect(late.called).toEqual(['first'])
  await vi.advanceTimersByTimeAsync(2)
  expect(late.called).toEqual(['first', 'other'])
  await vi.runAllTimersAsync()
})

test('a stream is hedged until its first content, and the loser is stopped', async () => {
  const closed: string[] = []
  const finish: ChatEvent = { type: 'finish', finishReason: 'stop', model: 'm', usage }
  async function* send(provider: string, milliseconds: number): AsyncGenerator<ChatEvent> {
    try {
      yield { type: 'text', text: '' }
      await new Promise((resolve) => setTimeout(resolve, milliseconds))
      yield { type: 'text', text: provider }
      await new Promise((resolve) => setTimeout(resolve, 500))
      yield finish
    } finally {
      closed.push(provider)
    }
  }
  const running = attemptStream<ChatEvent>({
    route: routeOf(['slow', 'quick', 'third']),
    id: 'r',
    hedge: { afterMs: 100, budget: fullBudget() },
    open: ({ offer: { provider } }) => send(provider, provider === 'slow' ? 1_000 : 10),
  })
  await vi.advanceTimersByTimeAsync(120)
  const outcome = await running
  if (outcome.status !== 'succeeded') throw new Error(outcome.status)
  expect(outcome.attempts).toMatchObject([{ attemptId: 'r.1', outcome: 'lost' }])
  const reading = Array.fromAsync(outcome.value.events)
  await vi.runAllTimersAsync()
  expect(await reading).toEqual([{ type: 'text', text: '' }, { type: 'text', text: 'quick' }, finish])
  expect(outcome.attempts).toMatchObject([{ outcome: 'lost' }, { attemptId: 'r.2', cause: 'hedge', outcome: 'succeeded', usage }])
  expect(closed.toSorted()).toEqual(['quick', 'slow'])
})

test('a stream that is empty and comes in the same moment as that of the hedge is recorded by the name and usage of its finish', async () => {
  const gate = new Promise((resolve) => setTimeout(resolve, 150))
  async function* open(requestId: string): AsyncGenerator<ChatEvent> {
    await gate
    yield { type: 'finish', finishReason: 'stop', model: 'm', usage, requestId }
  }
  const running = attemptStream<ChatEvent>({
    route: routeOf(['slow', 'quick']),
    id: 'r',
    hedge: { afterMs: 100, budget: fullBudget() },
    open: ({ offer: { provider } }) => open(`req_${provider}`),
  })
  await vi.runAllTimersAsync()
  expect((await running).attempts.toSorted((a, b) => a.attemptId.localeCompare(b.attemptId))).toMatchObject([
    { outcome: 'succeeded', requestId: 'req_slow', usage },
    { outcome: 'lost', requestId: 'req_quick', usage },
  ])
})

describe('a hedge that is not made after all', () => {
  /** `beforeAttempt` takes its time over the hedge, and `meanwhile` something happens. */
  const meanwhile =
    (happens: () => void) =>
    async (_: unknown, { cause }: { cause: string }) => {
      if (cause === 'hedge') happens()
      return undefined
    }

  test('because its provider has become ill keeps neither a slot nor the budget, and may be tried later', async () => {
    const [health, concurrency, budget] = [createHealth(), createConcurrency({ default: 1 }), fullBudget()]
    const beforeAttempt = meanwhile(() => {
      health.record('quick', { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 1_000, tookMs: 0 })
    })
    const slow = { failsAfterMs: 5_000, kind: 'unavailable' as const }
    const hedge = { afterMs: 100, budget }
    const retries = { triesMax: 1 }
    const played = play({ slow, quick: 10 }, { health, concurrency, hedge, retries, beforeAttempt })
    await vi.advanceTimersByTimeAsync(200)
    expect(played.called).toEqual(['slow'])
    expect(concurrency.stats()).toMatchObject([
      { adapter: 'slow', running: 1 },
      { adapter: 'quick', running: 0 },
    ])
    expect([budget.spend(), budget.spend()]).toEqual([true, true])
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'quick' } })
    expect(concurrency.stats().map(({ running }) => running)).toEqual([0, 0])
  })

  test('because it could not be paid for just then is asked again when the first has failed', async () => {
    let isDown = true
    const beforeAttempt = meanwhile(() => {
      isDown = false
      throw new Error('the database is away')
    })
    const slow = { failsAfterMs: 5_000, kind: 'unavailable' as const }
    const played = play({ slow, quick: 10 }, { beforeAttempt, retries: { triesMax: 1 } })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'quick' } })
    expect(isDown).toBe(false)
  })

  test('because it could not be paid for beside the first keeps its place before the others', async () => {
    const beforeAttempt = async (_: unknown, { cause }: { cause: string }) =>
      cause === 'hedge' ? { refused: 'too dear' } : undefined
    const slow = { failsAfterMs: 500, kind: 'unavailable' as const }
    const played = play({ slow, second: 10, third: 10 }, { beforeAttempt, retries: { triesMax: 1 } })
    expect(await outcomeOf(played)).toMatchObject({ status: 'succeeded', value: { text: 'second' } })
    expect(played.called).toEqual(['slow', 'second'])
  })

  test.each([
    ['the first has answered meanwhile', () => {}, 'succeeded'],
    ['the caller has left meanwhile', (caller: AbortController) => caller.abort(), 'left'],
  ] as const)('because %s asks nobody', async (_, happens, status) => {
    const caller = new AbortController()
    const budget = fullBudget()
    const beforeAttempt = async (__: unknown, { cause }: { cause: string }) => {
      if (cause !== 'hedge') return undefined
      await new Promise((resolve) => setTimeout(resolve, 200))
      happens(caller)
      return undefined
    }
    const slow = status === 'left' ? Number.POSITIVE_INFINITY : 150
    const played = play({ slow, quick: 10 }, { signal: caller.signal, hedge: { afterMs: 100, budget }, beforeAttempt })
    expect(await outcomeOf(played)).toMatchObject({ status })
    expect(played.called).toEqual(['slow'])
    expect([budget.spend(), budget.spend()]).toEqual([true, true])
  })
})
