import { LedgerUnavailableError } from '@farebox/ledger'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { whenBack } from './when-back.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const away = new LedgerUnavailableError('the database is away')

test('work is tried for half a minute, also where the database takes long to say no', async () => {
  const begun: number[] = []
  const started = performance.now()
  // A server that hangs lets each try wait for a connection.
  const work = async () => {
    begun.push(performance.now())
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    throw away
  }
  const ended = whenBack(work).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(300_000)
  expect(await ended).toBe(away)
  expect(begun.length).toBeGreaterThan(1)
  expect(Math.max(...begun)).toBeLessThanOrEqual(started + 30_000)
})

test('work is tried eight times where the database says no at once', async () => {
  const work = vi.fn<() => Promise<never>>().mockRejectedValue(away)
  const ended = whenBack(work).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(300_000)
  expect(await ended).toBe(away)
  expect(work).toHaveBeenCalledTimes(8)
})
