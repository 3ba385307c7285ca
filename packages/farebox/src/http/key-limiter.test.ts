import { expect, it, onTestFinished, vi } from 'vitest'
import { KeyLimiter } from './key-limiter.ts'

function limiter(requestsPerMinutePerKey: number, concurrentRequestsPerKey: number): KeyLimiter {
  return new KeyLimiter({ requestsPerMinutePerKey, concurrentRequestsPerKey } as ConstructorParameters<typeof KeyLimiter>[0])
}

it('a request that leaves twice makes room for one', async () => {
  const requests = limiter(Number.POSITIVE_INFINITY, 2)
  const first = await requests.enter('a')
  const second = await requests.enter('a')
  first.leave()
  first.leave()
  const third = await requests.enter('a')
  await expect(requests.enter('a')).rejects.toMatchObject({ code: 'TOO_MANY_AT_ONCE' })
  for (const { leave } of [second, third]) leave()
  expect((await requests.enter('a')).headers).toEqual({})
})

it('a request that is refused for this minute does not count as running, and is told when the minute ends', async () => {
  const requests = limiter(1, 1)
  const { leave } = await requests.enter('a')
  leave()
  for (let times = 0; times < 3; times += 1) {
    const refused = await requests.enter('a').catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', limit: 1 })
    const { retryAfterMs, headers } = refused as { retryAfterMs: number; headers: { ratelimit: string } }
    expect(retryAfterMs).toBeGreaterThan(1_000)
    expect(headers.ratelimit).toBe(`"requests";r=0;t=${Math.ceil(retryAfterMs / 1_000)}`)
  }
})

it('a request that is refused after the clock was set back is told to wait for a minute at most', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1, 12) })
  onTestFinished(() => void vi.useRealTimers())
  const requests = limiter(1, 1)
  const { leave } = await requests.enter('a')
  leave()
  vi.setSystemTime(Date.UTC(2026, 0, 1, 11))
  await expect(requests.enter('a')).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    retryAfterMs: 60_000,
    headers: { ratelimit: '"requests";r=0;t=60' },
  })
})
