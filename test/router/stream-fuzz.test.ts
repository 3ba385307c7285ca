import { type ChatEvent, ProviderError, type ProviderErrorKind } from '@farebox/core'
import { type AttemptRecord, attemptStream, createConcurrency, createHedgeBudget } from '@farebox/router'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { countedHealth, countedSignal, routeOf } from './scripted.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const TOTAL_MS = 1_000
const kinds: ProviderErrorKind[] = [
  'overloaded',
  'timeout',
  'incomplete',
  'rate_limited',
  'malformed',
  'invalid_request',
  'aborted',
]

/** What a provider does next: sends text, waits, finishes, fails, ends without a finish, or falls silent for ever. */
const line = fc.oneof(
  { weight: 5, arbitrary: fc.constant('text' as const) },
  { weight: 3, arbitrary: fc.constantFrom(0, 5, 60, 400) },
  { weight: 2, arbitrary: fc.constant('finish' as const) },
  { weight: 4, arbitrary: fc.constantFrom(...kinds, 'empty' as const, 'end' as const, 'silence' as const) },
)

const world = fc.record({
  scripts: fc.array(fc.array(line, { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
  limit: fc.constantFrom(undefined, 1),
  hedgeMs: fc.constantFrom(undefined, 0, 30),
  afterContent: fc.constantFrom('end' as const, 'continue' as const),
  drainMs: fc.constantFrom(0, 50, 500, 5_000),
  leavesMs: fc.constantFrom(undefined, undefined, 0, 10, 70, 300),
  /** After how many events the consumer stops reading, and how long it takes over each. */
  readsMax: fc.constantFrom(0, 1, 3, 100, 100),
  pauseMs: fc.constantFrom(0, 0, 30),
})

test('whatever providers, callers and consumers do: nothing is said twice, every part is accounted once, in time, and nothing is left behind', async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ scripts, limit, hedgeMs, afterContent, drainMs, leavesMs, readsMax, pauseMs }) => {
      const { health, open } = countedHealth()
      const concurrency = createConcurrency({ default: limit })
      const caller = countedSignal()
      const told: AttemptRecord[] = []
      const opened: string[] = []
      const read: string[] = []
      const seams: { at: number; to: string }[] = []
      let pending = 0

      const pass = async (milliseconds: number) => {
        pending += 1
        await new Promise((resolve) => setTimeout(resolve, milliseconds))
        pending -= 1
      }
      async function* play(index: number, attemptId: string): AsyncGenerator<ChatEvent> {
        for (const [at, step] of (scripts[index] ?? []).entries()) {
          if (typeof step === 'number') await pass(step)
          else if (step === 'text') yield { type: 'text', text: `${attemptId}:${at}` }
          else if (step === 'empty') yield { type: 'text', text: '' }
          else if (step === 'finish') return yield { type: 'finish', finishReason: 'stop', model: 'm', requestId: attemptId }
          else if (step === 'end') return
          else if (step === 'silence') await new Promise(() => {})
          else throw new ProviderError(step, { provider: 'test', kind: step })
        }
        yield { type: 'finish', finishReason: 'stop', model: 'm', requestId: attemptId }
      }

      async function serve(): Promise<void> {
        const startedAt = Date.now()
        const leaving = leavesMs === undefined ? undefined : setTimeout(caller.abort, leavesMs)
        const outcome = await attemptStream<ChatEvent>({
          route: routeOf(scripts.map((_, index) => ({ provider: `p${index}`, adapter: `a${index % 2}` }))),
          id: 'r',
          deadlines: { totalMs: TOTAL_MS, firstEventMs: 200, betweenEventsMs: 100 },
          retries: { triesMax: 2, backoffMs: 10 },
          signal: caller.signal,
          health,
          concurrency,
          hedge: hedgeMs === undefined ? undefined : { afterMs: hedgeMs, budget: createHedgeBudget({ share: 1 }) },
          afterContent,
          drain: () => drainMs,
          onContinued: ({ to }) => seams.push({ at: read.length, to: to.attemptId }),
          onAttempt: (record) => told.push(record),
          open: ({ entry }, { attemptId }, earlier) => {
            opened.push(attemptId)
            if (earlier.length > 0) expect(earlier.flatMap(({ produced }) => textsOf(produced))).toEqual(read)
            return play(entry.position, attemptId)
          },
        })
        expect(Date.now() - startedAt).toBeLessThanOrEqual(TOTAL_MS)
        if (outcome.status !== 'succeeded') {
          clearTimeout(leaving)
          expect(told.map(({ attemptId }) => attemptId).toSorted()).toEqual(opened.toSorted())
          return
        }
        const { events, ended } = outcome.value
        try {
          for (let count = 0; count < readsMax; count += 1) {
            const next = await events.next()
            if (next.done) break
            if (next.value.type === 'text' && next.value.text !== '') read.push(next.value.text)
            if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'STREAM_CUT' })
        }
        await events.return?.()
        const ending = await ended
        clearTimeout(leaving)
        expect(Date.now() - startedAt).toBeLessThanOrEqual(TOTAL_MS + pauseMs)
        expect(ending.parts.flatMap(({ delivered }) => textsOf(delivered))).toEqual(read)
        expect(new Set(read).size).toBe(read.length)
        for (const { produced, delivered } of ending.parts) expect(produced.slice(0, delivered.length)).toEqual(delivered)
        expect(ending.parts.slice(0, -1).every(({ outcome: how }) => how === 'cut')).toBe(true)
        expect(ending.parts.length).toBe(seams.length + 1)
        if (afterContent === 'end') expect(seams).toEqual([])
        // A seam is told between the last word of one part and the first of the next.
        for (const [index, { at, to }] of seams.entries()) {
          expect(ending.parts[index + 1]?.attemptId).toBe(to)
          expect(ending.parts.slice(0, index + 1).flatMap(({ produced }) => textsOf(produced)).length).toBe(at)
        }
        expect(told.map(({ attemptId }) => attemptId).toSorted()).toEqual(opened.toSorted())
        expect(outcome.attempts).toEqual(told)
        expect(told.filter(({ outcome: how }) => how === 'succeeded').length).toBe(ending.status === 'finished' ? 1 : 0)
        const accounted = ending.parts.map(({ attemptId, outcome: how }) => `${attemptId} ${how}`)
        expect(told.map((record) => `${record.attemptId} ${record.outcome}`)).toEqual(expect.arrayContaining(accounted))
      }

      let failed: unknown = 'still running'
      void serve().then(
        () => (failed = undefined),
        (error: unknown) => (failed = error),
      )
      for (let passed = 0; passed < TOTAL_MS + 3_500 && failed === 'still running'; passed += 5)
        await vi.advanceTimersByTimeAsync(5)
      if (failed !== undefined) throw failed
      expect(vi.getTimerCount() - pending, 'timers that are ours').toBe(0)
      expect(caller.listeners()).toBe(0)
      expect(open()).toBe(0)
      for (const stats of concurrency.stats()) expect(stats).toMatchObject({ running: 0, waiting: 0 })
      await vi.runAllTimersAsync()
    }),
    { numRuns: 500 },
  )
})

function textsOf(events: readonly ChatEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'text' && event.text !== '' ? [event.text] : []))
}
