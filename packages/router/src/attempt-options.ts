import { type CallContext, type Clock, type ProviderError, systemClock } from '@farebox/core'
import type { AttemptCause, AttemptRecord } from './attempt-record.ts'
import { type Concurrency, createConcurrency } from './concurrency.ts'
import { type Deadlines, type Retries, resolveDeadlines, resolveRetries } from './deadlines.ts'
import type { Health } from './health.ts'
import type { HedgeBudget } from './hedge-budget.ts'
import { startTimer } from './leash.ts'
import { refuseNaN } from './refuse-nan.ts'
import { type Candidate, isLive, type Route } from './route.ts'

/** What `beforeAttempt` returns to refuse a candidate. `undefined` lets the candidate pass. */
export interface BeforeAttemptRefusal<Refusal> {
  refused: Refusal
}

/** What `beforeAttempt` receives in addition to the candidate. */
export interface BeforeAttemptFacts {
  /**
   * Why the candidate would be called. A `hedge` runs beside another attempt and a `continuation` follows one that produced
   * output, so a hold must cover both attempts.
   */
  cause: AttemptCause
  /** The attempts that have ended so far. */
  attempts: readonly AttemptRecord[]
}

/**
 * Starts a second attempt in parallel when the first is slow. The first to answer wins. The other is aborted and recorded as
 * `lost`. Phone calls, live transcriptions and conversations are never hedged.
 */
export interface HedgeOptions {
  /** How long to wait for the first candidate. `p95`: the 95th percentile of its answer times, once enough are measured. */
  afterMs: number | 'p95'
  budget: HedgeBudget
}

/** Options common to {@link attempt} and {@link attemptStream}. */
export interface AttemptOptions<Refusal = never> {
  route: Route
  /** Id of the request. Its attempts are `${id}.1`, `${id}.2`, … */
  id: string
  deadlines?: Deadlines
  retries?: Retries
  /** Fires when the caller leaves. */
  signal?: AbortSignal
  /**
   * Whose request this is, such as an account. Long requests of one caller, which time out while the same provider answers others,
   * then do not count as its illness. @defaultValue nobody's: every timeout counts
   */
  caller?: string | undefined
  health?: Health
  /** Limits concurrent attempts by adapter. All requests share it. @defaultValue no limit */
  concurrency?: Concurrency
  /** @defaultValue no hedging */
  hedge?: HedgeOptions
  /** Whether a prompt that one provider refused for its content may go to the next. @defaultValue false */
  allowContentPolicyFallback?: boolean
  /**
   * Awaited before the first attempt at each candidate, before a later one if an attempt has reported usage or was cut since, and
   * before a hedge: the place to adjust a hold. A refusal skips the candidate, or only the hedge. Its exceptions propagate, except
   * before a hedge or a continuation, which is then not made. Deadlines do not interrupt it, because a hold that nobody waits for
   * would be lost.
   */
  beforeAttempt?: (candidate: Candidate, facts: BeforeAttemptFacts) => Promise<BeforeAttemptRefusal<Refusal> | undefined>
  /** Receives each attempt as it ends. Exceptions that it throws are ignored. */
  onAttempt?: (record: AttemptRecord) => void
  /** Dates the records. Durations are measured by {@link steadyClock}, which nobody can set. @defaultValue the host's clock */
  clock?: Clock
  /** Random numbers from 0 up to 1, for jitter. @defaultValue `Math.random` */
  random?: () => number
  /** Resolves after `milliseconds`, or earlier when `signal` fires. Must not reject. @defaultValue `setTimeout` */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** {@link AttemptOptions} with all defaults filled in. */
export interface ResolvedAttemptOptions<Refusal>
  extends Required<Omit<AttemptOptions<Refusal>, 'deadlines' | 'retries' | 'hedge' | 'signal' | 'caller'>> {
  deadlines: Required<Deadlines>
  retries: Required<Retries>
  /** Also `undefined` where the operation must not be hedged. */
  hedge: HedgeOptions | undefined
  signal: AbortSignal | undefined
  caller: string | undefined
}

/**
 * Fills in the defaults.
 *
 * @throws {InvalidOptionError} a number is `NaN`
 */
export function resolveAttemptOptions<Refusal>(options: AttemptOptions<Refusal>): ResolvedAttemptOptions<Refusal> {
  const { operation } = options.route
  if (options.hedge) refuseNaN('hedge', options.hedge)
  return {
    route: options.route,
    id: options.id,
    deadlines: resolveDeadlines(options.deadlines ?? {}, operation),
    retries: resolveRetries(options.retries ?? {}),
    signal: options.signal,
    caller: options.caller,
    health: options.health ?? alwaysWell,
    concurrency: options.concurrency ?? unlimited,
    hedge: isLive(operation) ? undefined : options.hedge,
    allowContentPolicyFallback: options.allowContentPolicyFallback ?? false,
    beforeAttempt: options.beforeAttempt ?? (async () => undefined),
    onAttempt: options.onAttempt ?? (() => {}),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    sleep: options.sleep ?? sleep,
  }
}

/**
 * The outcome of an attempt that had already been abandoned: the id of a phone call that rang after all, for example, or the
 * usage of a lost hedge.
 */
export type LateAnswer<T> =
  | { attemptId: string; candidate: Candidate; status: 'answered'; value: T }
  | { attemptId: string; candidate: Candidate; status: 'failed'; error: ProviderError }

/** Calls one candidate. Throws other than `ProviderError` count as `malformed`, and for a phone call as `outcome_unknown`. */
export type CallCandidate<T> = (candidate: Candidate, context: CallContext) => T

const alwaysWell: Health = {
  read: () => undefined,
  begin: () => true,
  record: () => {},
  lack: () => undefined,
  whenFreed: () => () => {},
  slowMs: () => undefined,
}

const unlimited = createConcurrency()

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = startTimer(milliseconds, done)
    signal.addEventListener('abort', done)
  })
}
