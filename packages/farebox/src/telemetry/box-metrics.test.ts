import type { AttemptRecord } from '@farebox/router'
import { expect, it, onTestFinished, vi } from 'vitest'
import { BoxMetrics } from './box-metrics.ts'
import { metricsText } from './metric-family.ts'

/** The values of one family, by what follows its name: labels are left out. */
function valuesOf(metrics: BoxMetrics, name: string): Record<string, string> {
  const lines = metricsText(metrics.families()).matchAll(new RegExp(`^${name}(\\w*)\\{.*?(?:le="([^"]*)")?\\} (.*)$`, 'gm'))
  return Object.fromEntries([...lines].map(([, suffix, bound, value = '']) => [bound ?? String(suffix), value]))
}

function attempt(tookMs: number): AttemptRecord {
  const startedAt = Date.UTC(2026, 10, 1)
  const candidate = { adapter: { name: 'openai' }, offer: { provider: 'gpt-4o' } }
  return { candidate, cause: 'first', outcome: 'succeeded', startedAt, endedAt: startedAt + tookMs } as unknown as AttemptRecord
}

it('attempts, calls and responses are told with the seconds that each took', () => {
  const metrics = new BoxMetrics()
  const clock = vi.spyOn(performance, 'now').mockReturnValueOnce(1_000).mockReturnValueOnce(3_500)
  onTestFinished(() => clock.mockRestore())
  const call = metrics.begin({ service: 'gpt', operation: 'chat' } as never)
  call.attempted?.(attempt(250))
  call.attempted?.(attempt(1_000))
  call.ended?.({ outcome: 'succeeded', creditsUsed: 0n as never })
  expect(valuesOf(metrics, 'farebox_attempt_duration_seconds')).toMatchObject({ _sum: '1.25', _count: '2' })
  expect(valuesOf(metrics, 'farebox_call_duration_seconds')).toMatchObject({ _sum: '2.5', _count: '1' })
  metrics.answered('get', '/api/v1/usage', 200, 500)
  expect(valuesOf(metrics, 'farebox_http_request_duration_seconds')).toMatchObject({ _sum: '0.5', _count: '1' })
})

it('a bucket counts whatever took as long as its bound, and the last one everything', () => {
  const metrics = new BoxMetrics()
  const call = metrics.begin({ service: 'gpt', operation: 'chat' } as never)
  for (const tookMs of [5, 6, 10, 1_800_000, 1_800_001]) call.attempted?.(attempt(tookMs))
  const buckets = valuesOf(metrics, 'farebox_attempt_duration_seconds')
  expect(buckets).toMatchObject({ '0.005': '1', '0.01': '3', '0.025': '3', 300: '3', 1800: '4', '+Inf': '5', _count: '5' })
})
