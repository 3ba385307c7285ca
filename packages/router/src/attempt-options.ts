import { type CallContext, type Clock, type ProviderError, systemClock } from '@farebox/core'
import type { AttemptCause, AttemptRecord } from './attempt-record.ts'
import { type Concurrency, createConcurrency } from './concurrency.ts'
import { type Deadlines, type Retries, resolveDeadlines, resolveRetries } from './deadlines.ts'
import type { Health } from './health.ts'
import type { HedgeBudget } from './hedge-budget.ts'
import { startTimer } from './leash.ts'
import { refuseNaN } from './refuse-nan.ts'
import { type Candidate, isLive, type Route } from './route.ts'

/** What `beforeAttempt` answers to keep a candidate from being called; `undefined` lets it pass. */
export interface BeforeAttemptRefusal<Refusal> {
  refused: Refusal
}

/** What `beforeAttempt` is told beside the candidate. */
export interface BeforeAttemptFacts {
  /** Why it would be called. A `hedge` runs beside another attempt, and a `continuation` after one that has produced: a hold must cover both. */
  cause: AttemptCause
  /** Those that have ended, so far. */
  attempts: readonly AttemptRecord[]
}

/**
 * A second attempt in parallel where the first is slow. The first to answer is taken, the other one aborted and recorded as `lost`. Never
 * done to phone calls, live transcriptions and conversations.
 */
export interface HedgeOptions {
  /** How long the first candidate is waited for; `p95`: as long as nineteen of twenty of its answers took, once enough were measured. */
  afterMs: number | 'p95'
  budget: HedgeBudget
}

/** What a loop of attempts is given. */
export interface AttemptOptions<Refusal = never> {
  route: Route
  /** Names the request; its attempts are `${id}.1`, `${id}.2`, … */
  id: string
  deadlines?: Deadlines
  retries?: Retries
  /** Fires when the caller leaves. */
  signal?: AbortSignal
  health?: Health
  /** Keeps attempts at once to what adapters allow; shared by all requests. @defaultValue no limit */
  concurrency?: Concurrency
  /** @defaultValue never two attempts at once */
  hedge?: HedgeOptions
  /** Whether a prompt that one provider refused for its content may be given to the next. @defaultValue false */
  allowContentPolicyFallback?: boolean
  /**
   * Awaited before the first attempt at each candidate, and before a later one where an attempt has reported usage meanwhile: the place to
   * fit a hold to it. A refusal skips that candidate. What it throws is thrown on, except before a hedge or a continuation, which is then not made. It is not raced with deadlines, because a hold
   * that nobody waits for would be forgotten.
   */
  beforeAttempt?: (candidate: Candidate, facts: BeforeAttemptFacts) => Promise<BeforeAttemptRefusal<Refusal> | undefined>
  /** Told of each attempt as it ends. It must not throw: what it throws is ignored. */
  onAttempt?: (record: AttemptRecord) => void
  /** Dates the records. How long things take is measured by {@link steadyClock}, which nobody sets. @defaultValue the host's clock */
  clock?: Clock
  /** From 0 up to 1. @defaultValue `Math.random` */
  random?: () => number
  /** Waits, at most until `signal` fires; never rejects. @defaultValue `setTimeout` */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** {@link AttemptOptions} with every default in its place. */
export interface ResolvedAttemptOptions<Refusal>
  extends Required<Omit<AttemptOptions<Refusal>, 'deadlines' | 'retries' | 'hedge' | 'signal'>> {
  deadlines: Required<Deadlines>
  retries: Required<Retries>
  /** `undefined` also where the operation must not be hedged. */
  hedge: HedgeOptions | undefined
  signal: AbortSignal | undefined
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
 * What came of an attempt that had already been given up: the id of a phone call that rang after all, for example, or the usage of a
 * hedge that was lost.
 */
export type LateAnswer<T> =
  | { attemptId: string; candidate: Candidate; status: 'answered'; value: T }
  | { attemptId: string; candidate: Candidate; status: 'failed'; error: ProviderError }

/** Calls one candidate. It may start work in any way; what it throws beside `ProviderError` counts as `malformed`. */
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
