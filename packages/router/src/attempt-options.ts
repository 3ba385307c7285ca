import { type CallContext, type Clock, type ProviderError, systemClock } from '@farebox/core'
import type { AttemptRecord } from './attempt-record.ts'
import type { Health } from './health.ts'
import { type Candidate, isLive, type Route } from './route.ts'

/**
 * How long things may take, in milliseconds. A phone call, a live transcription and a conversation may by default take as long as a
 * telephone network lets a call; in the two that are streams, silence is no sign of illness.
 */
export interface Deadlines {
  /** The whole route: every attempt, wait and fallback, and a stream to its end. @defaultValue 60_000, for what is live 4 hours and a minute */
  totalMs?: number
  /** One attempt that answers as a whole. @defaultValue 30_000, for what is live the total */
  attemptMs?: number
  /** From the start of an attempt to the first content of its stream. @defaultValue 15_000 */
  firstEventMs?: number
  /** Between two events of a stream. @defaultValue 15_000, for what is live the total */
  betweenEventsMs?: number
}

export interface Retries {
  /** Attempts at one candidate, the first included. @defaultValue 2 */
  triesMax?: number
  /** The first backoff is anywhere between nothing and this; it doubles with each. @defaultValue 250 */
  backoffMs?: number
  /** @defaultValue 4_000 */
  backoffMsMax?: number
  /** The longest wait for the same candidate while another could be asked instead. @defaultValue 1_000 */
  waitMsMax?: number
}

/** What `beforeAttempt` answers to keep a candidate from being called; `undefined` lets it pass. */
export interface BeforeAttemptRefusal<Refusal> {
  refused: Refusal
}

export interface AttemptOptions<Refusal = never> {
  route: Route
  /** Names the request; its attempts are `${id}.1`, `${id}.2`, … */
  id: string
  deadlines?: Deadlines
  retries?: Retries
  /** Fires when the caller leaves. */
  signal?: AbortSignal
  health?: Health
  /** Whether a prompt that one provider refused for its content may be given to the next. @defaultValue false */
  allowContentPolicyFallback?: boolean
  /**
   * Awaited before the first attempt at each candidate: the place to fit a hold to it. A refusal skips that candidate. What it
   * throws is thrown on. It is not raced with deadlines, because a hold that nobody waits for would be forgotten.
   */
  beforeAttempt?: (candidate: Candidate) => Promise<BeforeAttemptRefusal<Refusal> | undefined>
  /** Told of each attempt as it ends. It must not throw: what it throws is ignored. */
  onAttempt?: (record: AttemptRecord) => void
  /** @defaultValue the host's clock */
  clock?: Clock
  /** From 0 up to 1. @defaultValue `Math.random` */
  random?: () => number
  /** Waits, at most until `signal` fires; never rejects. @defaultValue `setTimeout` */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** {@link AttemptOptions} with every default in its place. */
export interface ResolvedAttemptOptions<Refusal> {
  readonly route: Route
  readonly id: string
  readonly deadlines: Required<Deadlines>
  readonly retries: Required<Retries>
  readonly signal: AbortSignal
  readonly health: Health
  readonly allowContentPolicyFallback: boolean
  readonly beforeAttempt: NonNullable<AttemptOptions<Refusal>['beforeAttempt']>
  readonly onAttempt: (record: AttemptRecord) => void
  readonly clock: Clock
  readonly random: () => number
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** Fills in the defaults. */
export function resolveAttemptOptions<Refusal>(options: AttemptOptions<Refusal>): ResolvedAttemptOptions<Refusal> {
  const { deadlines = {}, retries = {} } = options
  const isLong = isLive(options.route.operation)
  const totalMs = deadlines.totalMs ?? (isLong ? CALL_MS_MAX : 60_000)
  return {
    route: options.route,
    id: options.id,
    deadlines: {
      totalMs,
      attemptMs: deadlines.attemptMs ?? (isLong ? totalMs : 30_000),
      firstEventMs: deadlines.firstEventMs ?? 15_000,
      betweenEventsMs: deadlines.betweenEventsMs ?? (isLong ? totalMs : 15_000),
    },
    retries: {
      triesMax: retries.triesMax ?? 2,
      backoffMs: retries.backoffMs ?? 250,
      backoffMsMax: retries.backoffMsMax ?? 4_000,
      waitMsMax: retries.waitMsMax ?? 1_000,
    },
    signal: options.signal ?? new AbortController().signal,
    health: options.health ?? alwaysWell,
    allowContentPolicyFallback: options.allowContentPolicyFallback ?? false,
    beforeAttempt: options.beforeAttempt ?? (async () => undefined),
    onAttempt: options.onAttempt ?? (() => {}),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    sleep: options.sleep ?? sleep,
  }
}

/** What came of an attempt that had already been given up: the id of a phone call that rang after all, for example. */
export type LateAnswer<T> =
  | { attemptId: string; candidate: Candidate; status: 'answered'; value: T }
  | { attemptId: string; candidate: Candidate; status: 'failed'; error: ProviderError }

/** Calls one candidate. It may start work in any way; what it throws beside `ProviderError` counts as `malformed`. */
export type CallCandidate<T> = (candidate: Candidate, context: CallContext) => T

const CALL_MS_MAX = 4 * 3_600_000 + 60_000

const alwaysWell: Health = { read: () => undefined, begin: () => true, record: () => {} }

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done)
  })
}
