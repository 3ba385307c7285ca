import { expect, onTestFinished, test, vi } from 'vitest'
import { newId } from './new-id.ts'
import { newUuid } from './new-uuid.ts'

test('ids are never the same, also when their random bytes have to be drawn anew', () => {
  const ids = Array.from({ length: 5_000 }, () => newId('placeHold', 'a', undefined))
  expect(new Set(ids).size).toBe(5_000)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('ids begin with the time, so that rows are added at the end of their index', async () => {
  const first = newId('placeHold', 'a', undefined)
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(newId('placeHold', 'a', undefined) > first).toBe(true)
})

test('ids are in the order in which they were made, within a millisecond too and when the clock was put back', () => {
  const ids = Array.from({ length: 5_000 }, () => newUuid())
  vi.useFakeTimers({ now: Date.now() - 3_600_000, toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  ids.push(newUuid(), newUuid())
  expect(ids.toSorted()).toEqual(ids)
})

test('an idempotency key has one id for each verb and account', () => {
  const id = newId('placeHold', 'a', 'k')
  expect(newId('placeHold', 'a', 'k')).toBe(id)
  expect(new Set([id, newId('charge', 'a', 'k'), newId('placeHold', 'b', 'k'), newId('placeHold', 'a', 'l')]).size).toBe(4)
})
