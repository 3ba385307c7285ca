import { afterEach, expect, test, vi } from 'vitest'
import { StoreClock } from './store-clock.ts'

afterEach(() => void vi.restoreAllMocks())

test('a clock that is given is asked each time, and the store never', async () => {
  let now = 5
  const store = new StoreClock({ clock: () => now, now: () => Promise.reject(new Error('asked')) })
  await store.read()
  expect(store.reckon()).toBe(5)
  now = 3
  expect(store.reckon()).toBe(3)
})

test("otherwise the store's time goes on by a clock that nobody sets, and never runs late", async () => {
  const monotonic = vi.spyOn(performance, 'now').mockReturnValue(1_000)
  const store = new StoreClock({
    now: async () => {
      // The answer takes a while.
      monotonic.mockReturnValue(1_040)
      return 70_000
    },
  })
  expect(() => store.reckon()).toThrow('not asked')
  await store.read()
  vi.spyOn(Date, 'now').mockReturnValue(0)
  expect(store.reckon()).toBe(70_040)
  monotonic.mockReturnValue(61_000.5)
  expect(store.reckon()).toBe(130_001)
})
