import { ProviderError, type ProviderErrorKind } from '@farebox/core'
import { type AttemptRecord, attempt, createConcurrency, createHedgeBudget, type WholeAnswer } from '@farebox/router'
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
  'rate_limited',
  'overloaded',
  'unavailable',
  'timeout',
  'authentication',
  'quota_exhausted',
  'context_too_long',
  'content_policy',
  'invalid_request',
  'malformed',
  'outcome_unknown',
  'aborted',
]

/** What a provider does with one call: after how long, and what; `deaf` never ends and ignores its signal. */
const line = fc.record({
  afterMs: fc.constantFrom(0, 0, 1, 20, 80, 300, 2_000),
  what: fc.oneof({ weight: 3, arbitrary: fc.constant('answer' as const) }, fc.constantFrom(...kinds, 'deaf' as const)),
  retryAfterMs: fc.constantFrom(undefined, 0, 50, 400, 5_000),
})

const world = fc.record({
  operation: fc.constantFrom('chat' as const, 'chat' as const, 'embed' as const, 'call' as const),
  /** By candidate: what it does, call after call; then it answers at once. */
  scripts: fc.array(fc.array(line, { maxLength: 6 }), { minLength: 1, maxLength: 4 }),
  /** By candidate: which adapter sells it. */
  adapters: fc.array(fc.constantFrom('a', 'b'), { minLength: 4, maxLength: 4 }),
  refused: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  /** By request: when it comes, and when its caller leaves. */
  requests: fc.array(
    fc.record({ atMs: fc.constantFrom(0, 0, 10, 200), leavesMs: fc.constantFrom(undefined, undefined, 0, 15, 100, 600) }),
    { minLength: 1, maxLength: 5 },
  ),
  limit: fc.constantFrom(undefined, 1, 2),
  waitingMax: fc.constantFrom(undefined, 0),
  hedgeMs: fc.constantFrom(undefined, 0, 10, 50),
  triesMax: fc.constantFrom(1, 2, 3),
})

test('whatever providers and callers do: one success at most, every call recorded once, in time, and nothing left behind', async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ operation, scripts, adapters, refused, requests, limit, waitingMax, hedgeMs, triesMax }) => {
      const left = scripts.map((script) => [...script])
      const { health, open } = countedHealth()
      const concurrency = createConcurrency({ default: limit, waitingMax })
      const budget = createHedgeBudget({ share: 1 })
      let providersWaiting = 0
      const running = new Map<string, number>()
      let mostRunning = 0

      async function serveOne(name: string, { atMs, leavesMs }: (typeof requests)[number]): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, atMs))
        const caller = countedSignal()
        const leaving = leavesMs === undefined ? undefined : setTimeout(caller.abort, leavesMs)
        const startedAt = Date.now()
        const called: string[] = []
        const signals: AbortSignal[] = []
        const told: AttemptRecord[] = []
        const settled = new Set<string>()
        const outcome = await attempt<WholeAnswer & { text: string }, string>({
          route: routeOf(
            scripts.map((_, index) => ({ provider: `p${index}`, adapter: adapters[index], contextTokens: index * 1_000 })),
            operation,
          ),
          id: name,
          deadlines: { totalMs: TOTAL_MS, attemptMs: 400 },
          retries: { triesMax, backoffMs: 20 },
          signal: caller.signal,
          health,
          concurrency,
          hedge: hedgeMs === undefined ? undefined : { afterMs: hedgeMs, budget },
          beforeAttempt: async ({ entry }) =>
            refused[entry.position] && scripts.length > 1 ? { refused: 'too dear' } : undefined,
          onAttempt: (record) => {
            told.push(record)
            const { name: adapter } = record.candidate.adapter
            running.set(adapter, (running.get(adapter) ?? 0) - 1)
          },
          call: async ({ entry, adapter, offer }, { signal, attemptId }) => {
            called.push(attemptId)
            signals.push(signal)
            running.set(adapter.name, (running.get(adapter.name) ?? 0) + 1)
            mostRunning = Math.max(mostRunning, running.get(adapter.name) ?? 0)
            const next = left[entry.position]?.shift()
            if (next?.what === 'deaf') return new Promise(() => {})
            if (next && next.afterMs > 0) {
              providersWaiting += 1
              await new Promise((resolve) => setTimeout(resolve, next.afterMs))
              providersWaiting -= 1
            }
            settled.add(attemptId)
            if (!next || next.what === 'answer') return { text: offer.provider }
            throw new ProviderError(next.what, { provider: offer.provider, kind: next.what, retryAfterMs: next.retryAfterMs })
          },
        })
        clearTimeout(leaving)
        expect(Date.now() - startedAt).toBeLessThanOrEqual(TOTAL_MS)
        const { attempts } = outcome
        expect(attempts.map(({ attemptId }) => attemptId).toSorted()).toEqual(called.toSorted())
        expect(told).toEqual(attempts)
        expect(called).toEqual(called.map((_, index) => `${name}.${index + 1}`))
        const successes = attempts.filter((record) => record.outcome === 'succeeded')
        expect(successes.map(({ attemptId }) => attemptId)).toEqual(outcome.status === 'succeeded' ? [outcome.attemptId] : [])
        expect(caller.listeners()).toBe(0)
        for (const record of attempts) {
          expect(record.endedAt).toBeGreaterThanOrEqual(record.startedAt)
          if (record.outcome !== 'lost') continue
          expect(hedgeMs).toBeDefined()
          expect(operation).not.toBe('call')
        }
        // Whoever is not waited for any more has been told so.
        for (const [index, attemptId] of called.entries()) expect(settled.has(attemptId) || signals[index]?.aborted).toBe(true)
        expect(attempts.filter(({ cause }) => cause === 'hedge').length).toBeLessThanOrEqual(1)
        expect(attempts.filter(({ cause }) => cause === 'first').length).toBeLessThanOrEqual(1)
        const tries = Map.groupBy(attempts, ({ candidate }) => candidate)
        for (const ofOne of tries.values()) expect(ofOne.length).toBeLessThanOrEqual(triesMax)
        if (operation === 'call' && outcome.status === 'succeeded') {
          const rang = attempts.filter(({ errorKind }) => errorKind === 'timeout' || errorKind === 'unavailable')
          expect(rang).toEqual([])
        }
      }

      // An expectation that fails must not be an unhandled rejection while the clock is advanced.
      let failed: unknown = 'still running'
      void Promise.all(requests.map((request, index) => serveOne(`r${index}`, request))).then(
        () => (failed = undefined),
        (error: unknown) => (failed = error),
      )
      for (let passed = 0; passed < TOTAL_MS + 300 && failed === 'still running'; passed += 5)
        await vi.advanceTimersByTimeAsync(5)
      if (failed !== undefined) throw failed
      expect(vi.getTimerCount() - providersWaiting, 'timers that are ours').toBe(0)
      expect(open(), 'attempts that health takes to be under way').toBe(0)
      for (const stats of concurrency.stats()) expect(stats).toMatchObject({ running: 0, waiting: 0 })
      if (limit !== undefined) expect(mostRunning).toBeLessThanOrEqual(limit)
      await vi.runAllTimersAsync()
    }),
    { numRuns: 400 },
  )
})
