import { type ChatEvent, credits, type Offer, type ProviderAdapter, ProviderError, quantity, type Usage } from '@farebox/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { attemptStream } from './attempt-stream.ts'
import { createHealth } from './health.ts'
import type { Candidate, Route } from './route.ts'
import { type AttemptStream, StreamCutError } from './stream-ending.ts'
import type { StreamAttemptOptions } from './stream-options.ts'

function routeOf(names: string[]): Route {
  const candidates = names.map((name, position): Candidate => {
    const offer: Offer = { service: 'gpt', provider: name, model: name, capabilities: {}, quality: 1, latencyMs: 1 }
    const adapter: ProviderAdapter = { name, isSimulated: false, availability: { status: 'ready' }, offers: [offer] }
    const amounts = { chargeExpected: credits(1), chargeCeiling: credits(1), cost: undefined, latencyMs: 1, score: 1 }
    return {
      offer,
      adapter,
      entry: { offer, adapter, healthKey: name, position },
      ...amounts,
      rank: position,
      condition: 'ok',
      why: '',
    }
  })
  return {
    status: 'planned',
    service: 'gpt',
    operation: 'chat',
    candidates,
    rejected: [],
    strategy: 'configured',
    notOffered: [],
    hold: credits(1),
  }
}

const usage: Usage = { quantities: [{ meter: 'output', quantity: quantity(3), unit: 'tokens' }], certainty: 'exact' }
const finish: ChatEvent = { type: 'finish', finishReason: 'stop', model: 'm', usage }

function text(words: string): ChatEvent {
  return { type: 'text', text: words }
}

/** What a provider sends: events, a failure, or a wait in milliseconds; `Infinity` hangs and ignores the signal. */
type Line = ChatEvent | Error | number

async function* send(lines: Line[], onEnd: () => void): AsyncGenerator<ChatEvent> {
  try {
    for (const line of lines) {
      if (typeof line === 'number') await new Promise((resolve) => line < Number.POSITIVE_INFINITY && setTimeout(resolve, line))
      else if (line instanceof Error) throw line
      else yield line
    }
  } finally {
    onEnd()
  }
}

function fails(kind: 'unavailable' | 'incomplete' | 'invalid_request' | 'malformed') {
  return new ProviderError(kind, { provider: 'test', kind, usage: kind === 'malformed' ? usage : undefined })
}

function play(scripts: Record<string, Line[]>, overrides: Partial<StreamAttemptOptions<ChatEvent, string>> = {}) {
  const signals: AbortSignal[] = []
  const opened: string[] = []
  const closed: string[] = []
  const running = attemptStream<ChatEvent, string>({
    route: routeOf(Object.keys(scripts)),
    id: 'r',
    retries: { triesMax: 1 },
    open: ({ offer: { provider } }, { signal }) => {
      opened.push(provider)
      signals.push(signal)
      return send(scripts[provider] ?? [], () => closed.push(provider))
    },
    ...overrides,
  })
  return { running, signals, opened, closed }
}

async function streamOf(played: ReturnType<typeof play>): Promise<AttemptStream<ChatEvent>> {
  const outcome = await played.running
  if (outcome.status !== 'succeeded') throw new Error(`the stream did not start: ${outcome.status}`)
  return outcome.value
}

/** Reads to the end, and gives what came and what was thrown. */
async function readAll(stream: AttemptStream<ChatEvent>) {
  const events: ChatEvent[] = []
  try {
    for await (const event of stream.events) events.push(event)
    return { events, error: undefined }
  } catch (error) {
    return { events, error }
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  expect(vi.getTimerCount(), 'every timer is cleared').toBe(0)
  vi.useRealTimers()
})

test('a stream that finishes passes every event on, and reports its usage', async () => {
  const health = createHealth()
  const onAttempt = vi.fn()
  const played = play({ only: [text(''), text('Hello'), text(' you'), finish] }, { health, onAttempt })
  const stream = await streamOf(played)
  expect(onAttempt).not.toHaveBeenCalled()
  expect(await readAll(stream)).toEqual({ events: [text(''), text('Hello'), text(' you'), finish], error: undefined })
  expect(await stream.ended).toMatchObject({ status: 'finished', finish, parts: [{ outcome: 'succeeded', usage }] })
  expect(onAttempt.mock.calls).toMatchObject([[{ attemptId: 'r.1', outcome: 'succeeded', usage }]])
  expect(health.read('only')).toMatchObject({ condition: 'ok', answerMs: undefined, firstEventMs: 0 })
  expect(await stream.events.next()).toEqual({ done: true, value: undefined })
})

test('an answer of nothing is an answer', async () => {
  expect(await readAll(await streamOf(play({ only: [finish] })))).toEqual({ events: [finish], error: undefined })
})

test.each([
  ['forward', 3_600_000],
  ['back', -3_600_000],
])('a clock that is put %s neither ends a stream nor prolongs it', async (_, byMs) => {
  const deadlines = { firstEventMs: 100, totalMs: 1_000 }
  const health = createHealth()
  const played = play({ only: [text(''), 60, text('Hello'), 100, text(' you'), Number.POSITIVE_INFINITY] }, { deadlines, health })
  await vi.advanceTimersByTimeAsync(30)
  vi.setSystemTime(Date.now() + byMs)
  await vi.advanceTimersByTimeAsync(30)
  const stream = await streamOf(played)
  expect(health.read('only')).toMatchObject({ firstEventMs: 60 })
  const read = readAll(stream)
  vi.setSystemTime(Date.now() + byMs)
  await vi.advanceTimersByTimeAsync(939)
  expect(played.signals[0]?.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(await read).toMatchObject({ events: [text(''), text('Hello'), text(' you')], error: { code: 'STREAM_CUT' } })
})

describe('before the first content', () => {
  test.each([
    ['a failure', [fails('unavailable')]],
    ['an end without a finish', []],
    ['an end after empty text', [text(''), fails('incomplete')]],
    ['silence', [text(''), Number.POSITIVE_INFINITY]],
    ['nothing in place of an event', [undefined as unknown as ChatEvent]],
    ['null after empty text', [text(''), null as unknown as ChatEvent]],
    ['a word in place of an event', ['Hello' as unknown as ChatEvent]],
  ] as [string, Line[]][])('%s leads to the next candidate', async (_, lines) => {
    const played = play({ first: lines, second: [text('Hello'), finish] }, { deadlines: { firstEventMs: 100 } })
    await vi.advanceTimersByTimeAsync(100)
    const outcome = await played.running
    expect(outcome).toMatchObject({ status: 'succeeded', candidate: { offer: { provider: 'second' } }, attemptId: 'r.2' })
    expect(await readAll(await streamOf(played))).toEqual({ events: [text('Hello'), finish], error: undefined })
    expect(outcome.attempts).toMatchObject([{ outcome: 'failed' }, { outcome: 'succeeded' }])
    expect(played.signals[0]?.aborted).toBe(true)
  })

  test('a failure that would repeat everywhere is a value', async () => {
    expect(await play({ first: [fails('invalid_request')], second: [finish] }).running).toMatchObject({
      status: 'failed',
      cause: 'stopped',
    })
  })

  test('a refusal is a value', async () => {
    const played = play({ only: [finish] }, { beforeAttempt: async () => ({ refused: 'too dear' }) })
    expect(await played.running).toMatchObject({ status: 'refused', refusal: 'too dear' })
    expect(played.opened).toEqual([])
  })

  test('a provider that sends empty text for ever is left at the deadline', async () => {
    const played = play({ only: Array.from({ length: 200 }, () => [text(''), 10]).flat() }, { deadlines: { firstEventMs: 100 } })
    await vi.advanceTimersByTimeAsync(120)
    expect(await played.running).toMatchObject({ status: 'failed', error: { kind: 'timeout' } })
  })

  test('a caller that leaves stops the provider', async () => {
    const controller = new AbortController()
    const played = play({ only: [Number.POSITIVE_INFINITY] }, { signal: controller.signal })
    await vi.advanceTimersByTimeAsync(1)
    controller.abort()
    expect(await played.running).toMatchObject({ status: 'left', attempts: [{ outcome: 'left' }] })
    expect(played.signals[0]?.aborted).toBe(true)
  })
})

describe('after the first content', () => {
  test.each([
    ['a failure', [fails('malformed')], 'malformed'],
    ['an end without a finish', [], 'incomplete'],
    ['silence', [Number.POSITIVE_INFINITY], 'timeout'],
  ] as [string, Line[], string][])(
    '%s cuts the stream, with what was produced, and nobody else is asked',
    async (_, lines, kind) => {
      const health = createHealth()
      const played = play(
        { first: [text('Hel'), text('lo'), ...lines], second: [finish] },
        { deadlines: { betweenEventsMs: 50 }, health },
      )
      const stream = await streamOf(played)
      const reading = readAll(stream)
      await vi.advanceTimersByTimeAsync(50)
      const { events, error } = await reading
      expect(events).toEqual([text('Hel'), text('lo')])
      expect(error).toBeInstanceOf(StreamCutError)
      expect(error).toMatchObject({
        code: 'STREAM_CUT',
        kind,
        attemptId: 'r.1',
        provider: 'first',
        parts: [{ produced: events }],
      })
      const parts = [{ usage: kind === 'malformed' ? usage : undefined, delivered: events }]
      expect(await stream.ended).toMatchObject({ status: 'cut', error, parts })
      expect((await played.running).attempts).toMatchObject([{ outcome: 'cut', errorKind: kind }])
      expect(played.opened).toEqual(['first'])
      expect(played.signals[0]?.aborted).toBe(true)
    },
  )

  test('nothing in place of an event cuts the stream, and leaves nothing under way', async () => {
    const health = createHealth()
    const stream = await streamOf(play({ only: [text('Hello'), undefined as unknown as ChatEvent, finish] }, { health }))
    expect(await readAll(stream)).toMatchObject({ events: [text('Hello')], error: { code: 'STREAM_CUT', kind: 'malformed' } })
    expect(await stream.ended).toMatchObject({ status: 'cut', parts: [{ outcome: 'cut' }] })
    expect(health.read('only')).toMatchObject({ inFlight: 0 })
  })

  test('the total deadline cuts a stream that nobody reads', async () => {
    const played = play({ only: [text('Hello'), text('you'), finish] }, { deadlines: { totalMs: 200 } })
    const stream = await streamOf(played)
    await vi.advanceTimersByTimeAsync(200)
    expect(await stream.ended).toMatchObject({
      status: 'cut',
      error: { kind: 'timeout' },
      parts: [{ produced: [text('Hello')] }],
    })
    expect(played.closed).toEqual(['only'])
    expect(await readAll(stream)).toMatchObject({ events: [text('Hello')], error: { kind: 'timeout' } })
  })

  test('the total deadline cuts a stream that never pauses for long', async () => {
    const lines = Array.from({ length: 100 }, () => [text('.'), 10]).flat()
    const played = play({ only: lines }, { deadlines: { totalMs: 55, betweenEventsMs: 50 } })
    const reading = readAll(await streamOf(played))
    await vi.advanceTimersByTimeAsync(60)
    const { events, error } = await reading
    expect(events).toHaveLength(6)
    expect(error).toMatchObject({ kind: 'timeout' })
  })

  test('a provider is asked for nothing more when time was up as it began', async () => {
    const asked: string[] = []
    const health = createHealth()
    const outcome = await attemptStream<ChatEvent>({
      route: routeOf(['slow']),
      id: 'r',
      deadlines: { totalMs: 1_000 },
      async *open() {
        yield text('a')
        asked.push('for more')
        yield finish
      },
      health: {
        ...health,
        record(key, observation) {
          health.record(key, observation)
          // The process was busy with something else.
          if (observation.outcome === 'answering') vi.advanceTimersByTime(1_001)
        },
      },
    })
    if (outcome.status !== 'succeeded') throw new Error(`the stream did not start: ${outcome.status}`)
    const { events, ended } = outcome.value
    expect(await events.next()).toEqual({ done: false, value: text('a') })
    await expect(events.next()).rejects.toMatchObject({ code: 'STREAM_CUT', kind: 'timeout' })
    expect(await ended).toMatchObject({ status: 'cut' })
    expect(asked).toEqual([])
  })

  test('a consumer that takes so long that the deadline passes is not held against the provider', async () => {
    const health = createHealth()
    for (let count = 0; count < 6; count += 1) {
      const stream = await streamOf(play({ only: [text('a'), text('b'), finish] }, { deadlines: { totalMs: 100 }, health }))
      await vi.advanceTimersByTimeAsync(100)
      expect(await stream.ended).toMatchObject({ status: 'cut', error: { kind: 'timeout' } })
    }
    expect(health.read('only')).toMatchObject({ condition: 'ok', samples: 0 })
  })

  test('a consumer that takes its time is not the fault of the provider', async () => {
    const played = play({ only: [text('a'), text('b'), finish] }, { deadlines: { betweenEventsMs: 10 } })
    const { events } = await streamOf(played)
    await events.next()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await events.next()).toMatchObject({ value: text('b') })
    expect(await events.next()).toMatchObject({ value: finish })
  })

  test('a consumer that stops reading stops the provider, and what was produced is known', async () => {
    const played = play({ only: [text('a'), text('b'), text('c'), finish] })
    const stream = await streamOf(played)
    for await (const event of stream.events) if (event.type === 'text' && event.text === 'b') break
    const parts = [{ outcome: 'left', usage: undefined, produced: [text('a'), text('b')] }]
    expect(await stream.ended).toMatchObject({ status: 'left', isDrained: false, parts })
    expect(played.signals[0]?.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(0)
    expect(played.closed).toEqual(['only'])
    expect((await played.running).attempts).toMatchObject([{ outcome: 'left' }])
  })

  test('a consumer that leaves before it read anything stops the provider', async () => {
    const stream = await streamOf(play({ only: [text('a'), finish] }))
    await stream.events.return?.()
    expect(await stream.ended).toMatchObject({ status: 'left', parts: [{ produced: [text('a')], delivered: [] }] })
    expect(await stream.events.next()).toEqual({ done: true, value: undefined })
  })

  test('a consumer that leaves while it waits for a provider that hangs does not wait', async () => {
    const played = play({ only: [text('a'), Number.POSITIVE_INFINITY] })
    const { events, ended } = await streamOf(played)
    await events.next()
    const pending = events.next()
    await vi.advanceTimersByTimeAsync(1)
    await events.return?.()
    expect(await pending).toEqual({ done: true, value: undefined })
    expect(await ended).toMatchObject({ status: 'left' })
    expect(played.signals[0]?.aborted).toBe(true)
  })

  test("the caller's signal ends the stream with an error of its own", async () => {
    const controller = new AbortController()
    const played = play({ only: [text('a'), Number.POSITIVE_INFINITY] }, { signal: controller.signal })
    const stream = await streamOf(played)
    const reading = readAll(stream)
    await vi.advanceTimersByTimeAsync(1)
    controller.abort()
    expect(await reading).toMatchObject({ events: [text('a')], error: { kind: 'aborted', parts: [{ produced: [text('a')] }] } })
    expect(await stream.ended).toMatchObject({ status: 'left' })
  })

  test('two reads at once get two events, in order', async () => {
    const { events } = await streamOf(play({ only: [text('a'), text('b'), finish] }))
    expect(await Promise.all([events.next(), events.next(), events.next(), events.next()])).toMatchObject([
      { value: text('a') },
      { value: text('b') },
      { value: finish },
      { done: true },
    ])
  })

  test('a cut that nobody reads raises nothing', async () => {
    const { events, ended } = await streamOf(play({ only: [text('a'), fails('malformed')] }))
    await events.next()
    events.next().catch(() => {})
    expect(await ended).toMatchObject({ status: 'cut' })
  })
})
