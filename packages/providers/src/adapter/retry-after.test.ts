import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { retryAfterMs } from './retry-after.ts'

const now = () => Date.parse('2026-11-21T08:00:00Z')
const read = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), now)

describe('retryAfterMs', () => {
  it('prefers milliseconds, which are the finer of the two', () => {
    expect(read({ 'retry-after-ms': '1500', 'retry-after': '9' })).toBe(1500)
  })

  it('reads seconds, whole or not', () => {
    expect(read({ 'retry-after': '2' })).toBe(2000)
    expect(read({ 'retry-after': '0.25' })).toBe(250)
    expect(read({ 'retry-after': '0' })).toBe(0)
  })

  it('reads an HTTP date against the given clock, and never goes below zero', () => {
    expect(read({ 'retry-after': 'Sat, 21 Nov 2026 08:00:07 GMT' })).toBe(7000)
    expect(read({ 'retry-after': 'Sat, 21 Nov 2026 07:00:00 GMT' })).toBe(0)
  })

  it('reads the older forms of HTTP dates, wherever this machine is', () => {
    vi.stubEnv('TZ', 'America/New_York')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(read({ 'retry-after': 'Saturday, 21-Nov-26 08:00:07 GMT' })).toBe(7000)
    expect(read({ 'retry-after': 'Sat Nov 21 08:00:07 2026' })).toBe(7000)
  })

  it('says nothing when the provider said nothing that can be read', () => {
    expect(read({})).toBeUndefined()
    expect(read({ 'retry-after': 'soon' })).toBeUndefined()
    expect(read({ 'retry-after': '-3x' })).toBeUndefined()
    expect(read({ 'retry-after': '-3' })).toBeUndefined()
    expect(read({ 'retry-after': '2026-11-21' })).toBeUndefined()
  })
})
