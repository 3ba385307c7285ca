import { InvalidOptionError } from '@farebox/core'
import { fingerprint, mixed } from './fingerprint.ts'

/** A latency in milliseconds: fixed, or spread around a median so that one call in twenty takes `p95` or longer. */
export type SimulatedLatency = number | { median: number; p95: number }

/** The 95th percentile of the normal distribution, in standard deviations. */
const P95 = 1.6449

/** @throws {InvalidOptionError} the latency is below zero or not finite, or its `p95` is below its median */
export function checkLatency(name: string, latency: SimulatedLatency): SimulatedLatency {
  const { median, p95 } = typeof latency === 'number' ? { median: latency, p95: latency } : latency
  const isFine = typeof median === 'number' && Number.isFinite(p95) && p95 >= median && median >= 0
  if (isFine) return latency
  throw new InvalidOptionError(
    `${name} must be milliseconds, or { median, p95 } with 0 <= median <= p95, received ${JSON.stringify(latency)}`,
  )
}

/** The length of one wait, the same for the same seed and occasion. Log-normal, roughly like the latencies of real providers. */
export function latencyOf(latency: SimulatedLatency, seed: number, occasion: string): number {
  if (typeof latency === 'number') return latency
  const { median, p95 } = latency
  if (median === 0) return 0
  const [radius, angle] = [uniform(seed, `${occasion} radius`), uniform(seed, `${occasion} angle`)]
  const normal = Math.sqrt(-2 * Math.log(radius)) * Math.cos(2 * Math.PI * angle)
  return median * Math.exp((Math.log(p95 / median) / P95) * normal)
}

/** A number above 0 and at most 1. It mixes the bits because similar texts have similar fingerprints. */
function uniform(seed: number, occasion: string): number {
  return (mixed(fingerprint(seed, occasion)) + 1) / 2 ** 32
}
