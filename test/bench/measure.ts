import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Operations per second of `work`, kept up by `callers` that each await one after another. */
export async function throughput(callers: number, operations: number, work: (index: number) => Promise<void>): Promise<number> {
  let next = 0
  const started = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let index = next++; index < operations; index = next++) await work(index)
    }),
  )
  return (operations / (performance.now() - started)) * 1_000
}

/**
 * The longest time that the event loop was not free while `work` ran, in milliseconds. Asked by a timer of one millisecond: to ask in
 * every turn would keep a core busy that the work may need.
 */
export async function longestStall(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await work()
  delay.disable()
  return delay.max / 1e6
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** `21.4 × [19.8..23.0]`: the median of ratios that were each taken within one round, with their range. */
export function ratio(values: readonly number[]): string {
  return `${median(values).toFixed(2)} × [${Math.min(...values).toFixed(2)}..${Math.max(...values).toFixed(2)}]`
}

export function perSecond(values: readonly number[]): string {
  return `${Math.round(median(values)).toLocaleString('en')}/s`
}
