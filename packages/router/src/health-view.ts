import type { ProviderErrorKind } from '@farebox/core'
import type { HealthNews, HealthReport } from './health-news.ts'

/**
 * How a pair of adapter and model is doing. `rate_limited`: out of capacity, until a time it gave or because it has as much in flight as
 * it was found to take. `refusing`: the key, the quota or the model is not accepted. `sick`: its error rate opened the breaker.
 * `probe`: sick, but one request may find out.
 */
export type HealthCondition = 'ok' | 'probe' | 'rate_limited' | 'refusing' | 'sick'

/** What is known of a pair, by this process and by those that share with it. */
export interface HealthReading {
  condition: HealthCondition
  /** Smoothed time to a whole answer; `undefined` until measured. */
  answerMs: number | undefined
  /** Smoothed time to the first event of a stream; `undefined` until measured. */
  firstEventMs: number | undefined
  /** Share of failures that were the provider's among `samples`, 0 to 1; `undefined` without samples. 429s are not failures. */
  errorRate?: number
  /** Share of 429s among these and `samples`, 0 to 1; `undefined` where neither was seen. */
  rateLimitedRate?: number
  /** Answers and failures that were observed. They age, so it is a fraction: each counts half after half a minute. */
  samples?: number
  /** How long ago something was last seen of it, in milliseconds. */
  seenMs?: number
  /** Attempts under way from this process. */
  inFlight?: number
  /** Attempts that it was found to take at once; `undefined` before the first 429, and when that is long ago. */
  inFlightMax?: number
  /** Attempts that it was found to take in a minute; `undefined` where no 429 told. */
  perMinuteMax?: number
}

/** What planning needs to know. */
export interface HealthView {
  /** `undefined`: nothing is known, so nothing is wrong. */
  read(healthKey: string): HealthReading | undefined
}

/**
 * How an attempt goes, as far as health is concerned. `answering`: its stream has begun, the end is still to be told. `lost`: another
 * one answered first, so this one would have taken longer. When one began that has ended is known by `tookMs`, or by `startedAt` on
 * the clock of health: what began before a refusal or a probe says nothing about it. @defaultValue just now
 */
export type HealthObservation =
  | { outcome: 'answering'; latencyMs: number }
  | { outcome: 'succeeded'; latencyMs?: number; isStream: boolean; tookMs?: number; startedAt?: number }
  | { outcome: 'lost'; waitedMs: number; isStream: boolean }
  | { outcome: 'failed'; kind: ProviderErrorKind; retryAfterMs?: number; tookMs?: number; startedAt?: number }

/**
 * Why there is no capacity: a pause after a 429, and how long it lasts; or as much is under way as the pair was found to take, and when to
 * look again, should nobody tell before.
 */
export interface CapacityLack {
  reason: 'paused' | 'full'
  waitMs: number
}

/** Remembers how providers are doing. Every `begin` that answers true is followed by one `record` that is not `answering`. */
export interface Health extends HealthView {
  /**
   * Whether an attempt should be made now; if so, it is in flight. Where that is a probe, the answer is true once until it is recorded.
   *
   * @param isForced  it is made in any case, because nobody else is left: the answer is true
   */
  begin(healthKey: string, isForced?: boolean): boolean
  record(healthKey: string, observation: HealthObservation): void
  /**
   * What an attempt would have to wait for, as far as capacity goes; `undefined` where it may be made, or would not for other reasons.
   *
   * @param isRetry  it follows a 429 of its own, whose pause it has kept in its own way
   */
  lack(healthKey: string, isRetry?: boolean): CapacityLack | undefined
  /**
   * Has a waiting attempt told, once, when there may be room for it: as many are told as there is room for, in the order of asking.
   *
   * @returns  forgets it again
   */
  whenFreed(healthKey: string, tell: () => void): () => void
  /** What nineteen of twenty answers, or first events of streams, were not slower than; `undefined` until enough were measured. */
  slowMs(healthKey: string, isStream: boolean): number | undefined
}

/** Health that can tell other processes what it knows, and listen to them. */
export interface ShareableHealth extends Health {
  /** What this process has seen itself of the pairs about which there is something to tell since `since`, epoch milliseconds. */
  tell(since: number): HealthNews[]
  /** Takes in what others know, in place of what they told before. What this process has seen since is trusted more. */
  hear(reports: readonly HealthReport[]): void
}
