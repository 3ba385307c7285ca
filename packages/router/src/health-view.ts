import type { ProviderErrorKind } from '@farebox/core'
import type { HealthNews, HealthReport } from './health-news.ts'

/**
 * How a pair of adapter and model is doing. `rate_limited`: out of capacity, either until a time that it gave or because its
 * learned limit is reached. `refusing`: it does not accept the key, the quota or the model. `sick`: its error rate opened the
 * breaker. `probe`: sick, but one request may test whether it has recovered.
 */
export type HealthCondition = 'ok' | 'probe' | 'rate_limited' | 'refusing' | 'sick'

/** What this process, and those that share health with it, know about a pair. */
export interface HealthReading {
  condition: HealthCondition
  /** Smoothed time to a whole answer. `undefined` until measured. */
  answerMs: number | undefined
  /** Smoothed time to the first event of a stream. `undefined` until measured. */
  firstEventMs: number | undefined
  /** Time since `answerMs` was last measured, here or elsewhere, in milliseconds. Absent: not known. */
  answerAgeMs?: number
  /** Time since `firstEventMs` was last measured, in milliseconds. Absent: not known. */
  firstEventAgeMs?: number
  /** Share of `samples` that failed by the provider's fault, 0 to 1. `undefined` without samples. 429s do not count as failures. */
  errorRate?: number
  /** Share of 429s among 429s and `samples` together, 0 to 1. `undefined` without either. */
  rateLimitedRate?: number
  /** Observed answers and failures. Fractional, because observations decay: by default, each counts half after half a minute. */
  samples?: number
  /** Time since the last observation, in milliseconds. */
  seenMs?: number
  /** Attempts of this process that are under way. */
  inFlight?: number
  /** Learned limit of concurrent attempts. `undefined` before the first 429, and again long after the last one. */
  inFlightMax?: number
  /** Learned limit of attempts per minute. `undefined` while no 429s have revealed one. */
  perMinuteMax?: number
}

/** The part of health that planning reads. */
export interface HealthView {
  /** What is known about a pair. `undefined`: nothing, so it counts as healthy. */
  read(healthKey: string): HealthReading | undefined
}

/**
 * How an attempt is going, or went. `answering`: its stream has begun, and its end is reported later. `lost`: another attempt
 * answered first, so this one would have taken longer. `tookMs`, or `startedAt` on the clock of health, tells when an ended
 * attempt began, because an attempt that began before a refusal or a probe says nothing about it. @defaultValue just now.
 * `caller` tells whose attempt it was, see `AttemptOptions`.
 */
export type HealthObservation =
  | { outcome: 'answering'; latencyMs: number }
  | {
      outcome: 'succeeded'
      latencyMs?: number
      isStream: boolean
      tookMs?: number
      startedAt?: number
      caller?: string | undefined
    }
  | { outcome: 'lost'; waitedMs: number; isStream: boolean }
  | {
      outcome: 'failed'
      kind: ProviderErrorKind
      retryAfterMs?: number
      tookMs?: number
      startedAt?: number
      caller?: string | undefined
    }

/**
 * Why there is no capacity, and how long to wait. `paused`: a 429 paused the pair for `waitMs`. `full`: its learned limit is
 * reached. Check again after `waitMs`, unless {@link Health.whenFreed} tells earlier.
 */
export interface CapacityLack {
  reason: 'paused' | 'full'
  waitMs: number
}

/** Remembers how providers are doing. Every `begin` that returns true must be followed by one `record` other than `answering`. */
export interface Health extends HealthView {
  /**
   * Whether an attempt should be made now. If so, it counts as in flight. A probe gets true once, until its outcome is recorded.
   *
   * @param isForced  whether the attempt is made in any case, because no other candidate is left. Then the result is true
   */
  begin(healthKey: string, isForced?: boolean): boolean
  record(healthKey: string, observation: HealthObservation): void
  /**
   * The capacity that an attempt would have to wait for. `undefined`: it may be made, or lacks something other than capacity.
   *
   * @param isRetry  whether the attempt is a retry, whose own backoff has already observed the pause
   */
  lack(healthKey: string, isRetry?: boolean): CapacityLack | undefined
  /**
   * Calls `tell` once, when there may be room for a waiting attempt. Calls as many waiting attempts as there is room for, in the
   * order in which they asked.
   *
   * @returns  a function that cancels the wait
   */
  whenFreed(healthKey: string, tell: () => void): () => void
  /** The 95th percentile of the times to an answer, or to the first event of a stream. `undefined` until enough are measured. */
  slowMs(healthKey: string, isStream: boolean): number | undefined
}

/** Health that can exchange what it knows with other processes. */
export interface ShareableHealth extends Health {
  /** What this process itself has observed, for each pair with an observation since `since`, epoch milliseconds. */
  tell(since: number): HealthNews[]
  /** Replaces what other processes told before with `reports`. Later observations of this process take precedence. */
  hear(reports: readonly HealthReport[]): void
}
