import { ProviderError, steadyClock } from '@farebox/core'
import type { ResolvedAttemptOptions } from './attempt-options.ts'
import { type AttemptPlan, type PlanFacts, planAttempt } from './attempt-plan.ts'
import type { AttemptCause, AttemptOutcome, AttemptRecord } from './attempt-record.ts'
import type { Candidate } from './route.ts'

/** The state of a route that is being served: remaining candidates, past attempts and the deadline. */
export class AttemptRun<Refusal> {
  readonly options: ResolvedAttemptOptions<Refusal>
  readonly isStream: boolean
  readonly attempts: AttemptRecord[] = []
  readonly #endsAt: number
  /** The candidates that may still be tried, in order. */
  queue: Candidate[]
  lastError: ProviderError | undefined
  /** The provider whose capacity the run last waited for. */
  lacks: { provider: string; retryAfterMs?: number } | undefined
  #refused: { refusal: Refusal; candidate: Candidate } | undefined
  #ordinal = 0
  readonly #tries = new Map<Candidate, number>()
  readonly #deferred = new Set<Candidate>()
  /** Candidates that `beforeAttempt` allowed, with the number of attempts that had used something by then. */
  readonly #allowed = new Map<Candidate, number>()
  readonly #controller = new AbortController()

  constructor(options: ResolvedAttemptOptions<Refusal>, isStream: boolean) {
    this.options = options
    this.isStream = isStream
    this.#endsAt = steadyClock() + options.deadlines.totalMs
    this.queue = [...options.route.candidates]
    if (options.signal?.aborted) this.leave()
    else options.signal?.addEventListener('abort', this.leave)
  }

  /** Fires when the caller leaves. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether any attempt has begun. */
  get hasBegun(): boolean {
    return this.#ordinal > 0
  }

  /** How many attempts at a candidate have begun, hedges included. */
  triesOf(candidate: Candidate): number {
    return this.#tries.get(candidate) ?? 0
  }

  /** Milliseconds until the overall deadline. */
  get msLeft(): number {
    return this.#endsAt - steadyClock()
  }

  /** Called when the caller leaves: its signal fired, or it stopped reading. */
  readonly leave = (): void => {
    this.#controller.abort(this.options.signal?.reason)
  }

  /** Removes the listener from the caller's signal. */
  close(): void {
    this.options.signal?.removeEventListener('abort', this.leave)
  }

  /** Whether a candidate is known to be ill, out of capacity or crowded. */
  isBlocked = ({ entry, adapter }: Candidate): boolean => {
    const condition = this.options.health.read(entry.healthKey)?.condition ?? 'ok'
    return (condition !== 'ok' && condition !== 'probe') || this.options.concurrency.isCrowded(adapter.name)
  }

  /** Moves a candidate behind the others, once, if one of them is healthy. The last candidate is never given up. */
  defer(candidate: Candidate): boolean {
    if (this.#deferred.has(candidate) || this.queue.every(this.isBlocked)) return false
    this.#deferred.add(candidate)
    this.queue.push(candidate)
    return true
  }

  /**
   * Asks `beforeAttempt` once for each candidate, and again if attempts have used something since, which a hold may need to cover:
   * they reported usage, or were cut. It asks before a hedge in any case, since the attempt that it joins uses something too.
   */
  async allow(candidate: Candidate, cause: AttemptCause): Promise<boolean> {
    const used = this.attempts.filter(({ usage, outcome }) => usage || outcome === 'cut').length
    if (cause !== 'hedge' && this.#allowed.get(candidate) === used) return true
    const answer = await this.options.beforeAttempt(candidate, { cause, attempts: this.attempts })
    if (!answer) this.#allowed.set(candidate, used)
    // A hedge is asked about together with the attempt that it joins, so its refusal says nothing of the candidate alone.
    else if (cause !== 'hedge') this.#refused ??= { refusal: answer.refused, candidate }
    return answer === undefined
  }

  /** Begins an attempt, which the caller must finish. Call `health.begin` first. */
  begin(facts: PlanFacts): AttemptPlan {
    this.#ordinal += 1
    this.#tries.set(facts.candidate, this.triesOf(facts.candidate) + 1)
    this.#refused = undefined
    return planAttempt(this, [this.options.id, this.#ordinal].join('.'), facts)
  }

  /** The outcome when no candidate answered and none is left. */
  end<T>(): AttemptOutcome<T, Refusal> {
    if (this.msLeft <= 0) return this.failed('deadline')
    if (this.#refused) return { status: 'refused', ...this.#refused, error: this.lastError, attempts: this.attempts }
    return this.failed('exhausted')
  }

  failed<T>(cause: 'exhausted' | 'deadline' | 'stopped'): AttemptOutcome<T, Refusal> {
    return { status: 'failed', cause, error: this.lastError ?? this.#errorOfNoAttempt(), attempts: this.attempts }
  }

  left<T>(): AttemptOutcome<T, Refusal> {
    return { status: 'left', attempts: this.attempts }
  }

  #errorOfNoAttempt(): ProviderError {
    if (this.lacks) {
      return new ProviderError(`${this.lacks.provider}: no capacity before the deadline`, { ...this.lacks, kind: 'rate_limited' })
    }
    const { candidates, service } = this.options.route
    const provider = candidates[0]?.offer.provider ?? service
    return new ProviderError('no attempt could be made in time', { provider, kind: 'timeout' })
  }
}
