import { type ChatEvent, type ProviderErrorKind, quantity, type Usage } from '@farebox/core'
import { attemptStream, createHealth, createTally, type StreamAttemptOptions, type StreamSeam } from '@farebox/router'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { failure, routeOf } from './scripted.ts'

const usage: Usage = { quantities: [{ meter: 'output', quantity: quantity(3), unit: 'tokens' }], certainty: 'exact' }
const finish: ChatEvent = { type: 'finish', finishReason: 'stop', model: 'm', usage, requestId: 'req_1' }

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  expect(vi.getTimerCount(), 'every timer is cleared').toBe(0)
  vi.useRealTimers()
})

type Line = string | ChatEvent | Error | number

async function* send(lines: readonly Line[], stop: () => void): AsyncGenerator<ChatEvent> {
  try {
    for (const line of lines) {
      if (typeof line === 'number') await new Promise((resolve) => line < Number.POSITIVE_INFINITY && setTimeout(resolve, line))
      else if (line instanceof Error) throw line
      else yield typeof line === 'string' ? { type: 'text', text: line } : line
    }
  } finally {
    stop()
  }
}

function play(scripts: Record<string, Line[]>, overrides: Partial<StreamAttemptOptions<ChatEvent, string>> = {}) {
  const earlier: string[][] = []
  const stopped: string[] = []
  const signals: AbortSignal[] = []
  const seams: StreamSeam<readonly ChatEvent[]>[] = []
  const running = attemptStream<ChatEvent, string>({
    route: routeOf(Object.keys(scripts)),
    id: 'r',
    retries: { triesMax: 1 },
    open: ({ offer: { provider } }, { signal }, parts) => {
      signals.push(signal)
      earlier.push(parts.map(({ candidate, produced }) => `${candidate.offer.provider}: ${words(produced)}`))
      return send(scripts[provider] ?? [], () => stopped.push(provider))
    },
    onContinued: (seam) => seams.push(seam),
    ...overrides,
  })
  return { running, earlier, stopped, signals, seams }
}

async function streamOf(played: ReturnType<typeof play>) {
  const outcome = await played.running
  if (outcome.status !== 'succeeded') throw new Error(`the stream did not start: ${outcome.status}`)
  return { ...outcome.value, attempts: outcome.attempts }
}

async function readAll(events: AsyncIterable<ChatEvent>) {
  const read: ChatEvent[] = []
  try {
    for await (const event of events) read.push(event)
    return { read: words(read), error: undefined }
  } catch (error) {
    return { read: words(read), error }
  }
}

function words(events: readonly ChatEvent[]): string {
  return events.map((event) => (event.type === 'text' ? event.text : event.type === 'finish' ? '.' : '')).join('')
}

describe('a stream that is cut after content, and may be continued', () => {
  test('goes on with the next candidate, which is told what was said and is not asked to repeat it', async () => {
    const played = play(
      { first: ['Good ', 'mor', failure('overloaded', { usage })], second: ['ning', finish] },
      { afterContent: 'continue' },
    )
    const { events, ended, attempts } = await streamOf(played)
    expect(await readAll(events)).toEqual({ read: 'Good morning.', error: undefined })
    expect(played.earlier).toEqual([[], ['first: Good mor']])
    const ending = await ended
    expect(ending).toMatchObject({
      status: 'finished',
      finish,
      parts: [
        { candidate: { offer: { provider: 'first' } }, attemptId: 'r.1', outcome: 'cut', usage, error: { kind: 'overloaded' } },
        { candidate: { offer: { provider: 'second' } }, attemptId: 'r.2', outcome: 'succeeded', usage },
      ],
    })
    expect(ending.parts.map(({ produced }) => words(produced))).toEqual(['Good mor', 'ning.'])
    expect(attempts).toMatchObject([
      { attemptId: 'r.1', cause: 'first', outcome: 'cut', errorKind: 'overloaded', usage },
      { attemptId: 'r.2', cause: 'continuation', outcome: 'succeeded', requestId: 'req_1' },
    ])
  })

  test('tells of the seam between the last event of one and the first of the other', async () => {
    const order: string[] = []
    const played = play(
      { first: ['a', failure('timeout')], second: ['b', finish] },
      {
        afterContent: 'continue',
        onContinued: ({ from, to }) => order.push(`${from.candidate.offer.provider} → ${to.attemptId}`),
      },
    )
    const { events } = await streamOf(played)
    for await (const event of events) order.push(words([event]))
    expect(order).toEqual(['a', 'first → r.2', 'b', '.'])
  })

  test('goes on where those who are told of its attempts and its seams fail later, and the process too', async () => {
    const unhandled: unknown[] = []
    const hear = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', hear)
    onTestFinished(() => void process.off('unhandledRejection', hear))
    const told: string[] = []
    const failLater = async (what: string) => {
      told.push(what)
      throw new Error('the log is gone')
    }
    const played = play(
      { first: ['a', failure('timeout')], second: ['b', finish] },
      {
        afterContent: 'continue',
        onAttempt: ({ attemptId }) => failLater(attemptId),
        onContinued: () => failLater('seam'),
      },
    )
    const { events } = await streamOf(played)
    expect(await readAll(events)).toEqual({ read: 'ab.', error: undefined })
    await vi.advanceTimersByTimeAsync(1)
    expect({ told, unhandled }).toEqual({ told: ['r.1', 'seam', 'r.2'], unhandled: [] })
  })

  test('asks beforeAttempt first, and ends as it was cut where that refuses or throws', async () => {
    const asked: string[] = []
    for (const answer of [
      () => Promise.resolve({ refused: 'too dear' }),
      () => Promise.reject(new Error('the ledger is gone')),
    ]) {
      const played = play(
        { first: ['a', failure('malformed')], second: ['b', finish] },
        {
          afterContent: 'continue',
          beforeAttempt: async ({ offer }, { cause, attempts }) => {
            asked.push(`${offer.provider} ${cause} ${attempts.length}`)
            return cause === 'continuation' ? answer() : undefined
          },
        },
      )
      const { events, ended } = await streamOf(played)
      expect(await readAll(events)).toMatchObject({
        read: 'a',
        error: { code: 'STREAM_CUT', kind: 'malformed', provider: 'first' },
      })
      expect(await ended).toMatchObject({ status: 'cut', parts: [{ outcome: 'cut' }] })
    }
    expect(asked.slice(0, 2)).toEqual(['first first 0', 'second continuation 1'])
  })

  test('asks beforeAttempt of the next though that has passed before, when it had to wait and another was asked instead', async () => {
    const health = createHealth()
    const asked: string[] = []
    const played = play(
      { paused: ['b', finish], cut: ['a', 100, failure('malformed')] },
      {
        health,
        afterContent: 'continue',
        beforeAttempt: async ({ offer }, { cause }) => {
          if (asked.length === 0) health.record('paused', { outcome: 'failed', kind: 'rate_limited', retryAfterMs: 50 })
          asked.push(`${offer.provider} ${cause}`)
          return undefined
        },
      },
    )
    const { events } = await streamOf(played)
    const reading = readAll(events)
    await vi.advanceTimersByTimeAsync(100)
    expect(await reading).toEqual({ read: 'ab.', error: undefined })
    expect(asked).toEqual(['paused first', 'cut first', 'paused continuation'])
  })

  test('passes over candidates that fail before they have said anything', async () => {
    const played = play(
      { first: ['a', failure('network')], down: [failure('malformed')], third: ['b', finish] },
      { afterContent: 'continue' },
    )
    const { events, ended, attempts } = await streamOf(played)
    expect(await readAll(events)).toMatchObject({ read: 'ab.' })
    expect((await ended).parts).toHaveLength(2)
    expect(attempts.map(({ cause, outcome }) => `${cause} ${outcome}`)).toEqual([
      'first cut',
      'continuation failed',
      'continuation succeeded',
    ])
  })

  test('is given up after so many continuations, and when nobody is left', async () => {
    const cut = ['x', failure('incomplete')]
    const tooOften = await streamOf(play({ a: cut, b: cut, c: cut, d: ['y', finish] }, { afterContent: 'continue' }))
    expect(await readAll(tooOften.events)).toMatchObject({ read: 'xxx', error: { kind: 'incomplete', provider: 'c' } })
    const nobody = await streamOf(play({ a: cut, b: cut }, { afterContent: 'continue' }))
    expect(await readAll(nobody.events)).toMatchObject({ read: 'xx', error: { provider: 'b', parts: [{}, {}] } })
  })

  test.each(['invalid_request', 'content_policy', 'aborted'] satisfies ProviderErrorKind[])(
    'is not continued after %s',
    async (kind) => {
      const { events } = await streamOf(play({ a: ['x', failure(kind)], b: ['y', finish] }, { afterContent: 'continue' }))
      expect(await readAll(events)).toMatchObject({ read: 'x', error: { kind } })
    },
  )

  test('is continued only where the caller wants it, by what was cut', async () => {
    const afterContent: StreamAttemptOptions<ChatEvent, string>['afterContent'] = ({ produced }) =>
      produced.some(({ type }) => type === 'tool_call') ? 'end' : 'continue'
    const tool: ChatEvent = { type: 'tool_call', index: 0, arguments: '{"a' }
    const half = await streamOf(play({ a: [tool, failure('network')], b: ['y', finish] }, { afterContent }))
    expect(await readAll(half.events)).toMatchObject({ error: { kind: 'network' } })
    const text = await streamOf(play({ a: ['x', failure('network')], b: ['y', finish] }, { afterContent }))
    expect(await readAll(text.events)).toMatchObject({ read: 'xy.' })
  })

  test('ends at the overall deadline while another candidate is looked for', async () => {
    const played = play(
      { first: ['a', 100, failure('network')], deaf: [Number.POSITIVE_INFINITY] },
      { afterContent: 'continue', deadlines: { totalMs: 300 } },
    )
    const { events, ended, attempts } = await streamOf(played)
    const reading = readAll(events)
    await vi.advanceTimersByTimeAsync(300)
    expect(await reading).toMatchObject({ read: 'a', error: { code: 'STREAM_CUT' } })
    expect(await ended).toMatchObject({ status: 'cut' })
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['cut', expect.stringMatching(/left|failed/)])
    expect(played.signals[1]?.aborted).toBe(true)
  })

  test('ends when the consumer leaves while another candidate is looked for', async () => {
    const played = play({ first: ['a', failure('network')], deaf: [Number.POSITIVE_INFINITY] }, { afterContent: 'continue' })
    const { events, ended, attempts } = await streamOf(played)
    await events.next()
    const pending = events.next()
    await vi.advanceTimersByTimeAsync(10)
    await events.return?.()
    expect(await pending).toEqual({ done: true, value: undefined })
    expect(await ended).toMatchObject({ status: 'left', isDrained: false, parts: [{ outcome: 'cut' }] })
    expect(attempts).toMatchObject([{ outcome: 'cut' }, { cause: 'continuation', outcome: 'left' }])
  })
})

describe('a consumer that leaves', () => {
  test('just as another candidate answers with nothing but its usage, has that on record', async () => {
    const controller = new AbortController()
    const health = createHealth()
    const played = play(
      { first: ['a', failure('network')], empty: [finish] },
      {
        afterContent: 'continue',
        signal: controller.signal,
        health: {
          ...health,
          record(healthKey, observation) {
            health.record(healthKey, observation)
            if (healthKey === 'empty' && observation.outcome === 'answering') controller.abort()
          },
        },
      },
    )
    const { events, ended, attempts } = await streamOf(played)
    await events.next()
    await expect(events.next()).rejects.toMatchObject({ kind: 'aborted' })
    expect(await ended).toMatchObject({ status: 'left', parts: [{ outcome: 'cut' }] })
    expect(attempts).toMatchObject([{ outcome: 'cut' }, { cause: 'continuation', outcome: 'left', usage, requestId: 'req_1' }])
  })

  const lines = ['a', 'b', 50, 'c', 50, finish]

  test('stops the provider at once, unless it is to be drained', async () => {
    const played = play({ only: lines })
    const { events, ended } = await streamOf(played)
    await events.next()
    await events.return?.()
    expect(await ended).toMatchObject({ status: 'left', isDrained: false, parts: [{ usage: undefined }] })
    expect(played.signals[0]?.aborted).toBe(true)
  })

  test.each(['by its signal', 'by reading no more'])(
    '%s has its end at once, and the provider is heard to its finish',
    async (how) => {
      const controller = new AbortController()
      const facts: unknown[] = []
      const played = play(
        { only: lines },
        {
          signal: controller.signal,
          drain: ({ candidate, produced }) => {
            facts.push([candidate.offer.provider, words(produced)])
            return 1_000
          },
        },
      )
      const { events, ended, attempts } = await streamOf(played)
      await events.next()
      if (how === 'by its signal') {
        controller.abort()
        await expect(events.next()).rejects.toMatchObject({ code: 'STREAM_CUT', kind: 'aborted', parts: [{ outcome: 'left' }] })
      } else {
        await events.return?.()
      }
      expect(await events.next()).toEqual({ done: true, value: undefined })
      expect(played.signals[0]?.aborted).toBe(false)
      expect(facts).toEqual([['only', 'a']])
      await vi.advanceTimersByTimeAsync(100)
      const ending = await ended
      expect(ending).toMatchObject({ status: 'left', isDrained: true, parts: [{ outcome: 'left', usage }] })
      expect(ending.parts.map(({ produced, delivered }) => [words(produced), words(delivered)])).toEqual([['abc.', 'a']])
      expect(attempts).toMatchObject([{ outcome: 'left', usage, requestId: 'req_1' }])
      expect(played.stopped).toEqual(['only'])
    },
  )

  test('does not wait for what it is waiting for: the same read goes on being drained', async () => {
    const { events, ended } = await streamOf(play({ only: lines }, { drain: () => 1_000 }))
    await events.next()
    await events.next()
    const pending = events.next()
    await vi.advanceTimersByTimeAsync(1)
    await events.return?.()
    expect(await pending).toEqual({ done: true, value: undefined })
    await vi.advanceTimersByTimeAsync(100)
    const [part] = (await ended).parts
    expect([words(part.produced), words(part.delivered)]).toEqual(['abc.', 'ab'])
  })

  test('is drained no longer than the cap, and no longer than the overall deadline', async () => {
    for (const [deadlines, at] of [
      [{}, 200],
      [{ totalMs: 120 }, 120],
    ] as const) {
      const startedAt = Date.now()
      const played = play({ only: ['a', 5_000, finish] }, { drain: () => 200, deadlines })
      const { events, ended } = await streamOf(played)
      await events.return?.()
      await vi.advanceTimersByTimeAsync(200)
      expect(await ended).toMatchObject({ status: 'left', isDrained: false, parts: [{ usage: undefined }] })
      expect(played.signals[0]?.aborted).toBe(true)
      expect(Date.now() - startedAt).toBeGreaterThanOrEqual(at)
      await vi.runAllTimersAsync()
    }
  })

  test('is not drained beyond the overall deadline, until which its hold is sure to last', async () => {
    const { events, ended } = await streamOf(
      play({ only: ['a', 5_000, finish] }, { drain: () => 1_000, deadlines: { totalMs: 120 } }),
    )
    let isOver = false
    void ended.then(() => {
      isOver = true
    })
    await events.return?.()
    await vi.advanceTimersByTimeAsync(119)
    expect(isOver).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(isOver).toBe(true)
    await vi.runAllTimersAsync()
  })

  test('and a provider that fails while it is drained: what it reported of that is known', async () => {
    const { events, ended } = await streamOf(play({ only: ['a', 10, failure('malformed', { usage })] }, { drain: () => 200 }))
    await events.return?.()
    await vi.advanceTimersByTimeAsync(10)
    expect(await ended).toMatchObject({ status: 'left', isDrained: false, parts: [{ outcome: 'left', usage }] })
  })
})

test('a tally takes the place of the events, apart for what was produced and what was delivered', async () => {
  const lines = ['Zoë', 20, { type: 'tool_call', index: 0, arguments: '{"a":1}' } as const, finish]
  const outcome = await attemptStream({
    route: routeOf(['only']),
    id: 'r',
    tally: createTally,
    drain: ({ produced }) => produced.characters * 100,
    open: () => send(lines, () => {}),
  })
  if (outcome.status !== 'succeeded') throw new Error(outcome.status)
  await outcome.value.events.next()
  await outcome.value.events.return?.()
  await vi.advanceTimersByTimeAsync(20)
  const [part] = (await outcome.value.ended).parts
  expect(part.produced).toEqual({ events: 3, characters: 3, textBytes: 4, argumentBytes: 7, audioBytes: 0 })
  expect(part.delivered).toEqual({ events: 1, characters: 3, textBytes: 4, argumentBytes: 0, audioBytes: 0 })
})
