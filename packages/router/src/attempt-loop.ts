import type { ProviderError } from '@farebox/core'
import { type NextStep, stepAfter } from './after-failure.ts'
import type { AttemptCause, AttemptOutcome } from './attempt-record.ts'
import type { AttemptRun } from './attempt-run.ts'
import { enter } from './enter.ts'
import { type MakeAttempt, makeHedged, type RaceResult } from './hedge.ts'
import type { Candidate } from './route.ts'

/**
 * Tries the candidates of a route until one serves. After a failure, it retries the same candidate with a backoff if that can
 * help, or goes to the next one. Candidates known to be ill wait until the healthy ones have failed. Another call for the same
 * run continues with the remaining candidates.
 */
export async function serve<T, Refusal>(
  run: AttemptRun<Refusal>,
  make: MakeAttempt<T>,
  isContinuation = false,
): Promise<AttemptOutcome<T, Refusal>> {
  for (let candidate = run.queue.shift(); candidate; candidate = run.queue.shift()) {
    if (run.isBlocked(candidate) && run.defer(candidate)) continue
    if (run.signal.aborted) return run.left()
    if (run.msLeft <= 0) break
    const cause = isContinuation ? 'continuation' : run.hasBegun ? 'fallback' : 'first'
    if (!(await run.allow(candidate, cause))) continue
    const outcome = await tryCandidate(run, candidate, cause, make)
    if (outcome !== 'next') return outcome
  }
  return run.end()
}

async function tryCandidate<T, Refusal>(
  run: AttemptRun<Refusal>,
  candidate: Candidate,
  cause: AttemptCause,
  make: MakeAttempt<T>,
): Promise<AttemptOutcome<T, Refusal> | 'next'> {
  const { retries, sleep } = run.options
  for (let isRetry = false; ; isRetry = true) {
    if (isRetry && !(await run.allow(candidate, 'retry'))) return 'next'
    const entered = await enter(run, candidate, isRetry)
    if (entered.status === 'left') return run.left()
    if (entered.status === 'deadline') return run.failed('deadline')
    if (entered.status === 'elsewhere') return 'next'
    const made = await makeHedged(run, { candidate, cause: isRetry ? 'retry' : cause, slot: entered.slot }, make)
    if (made.status === 'left') return run.left()
    if (made.status === 'succeeded') {
      const { attemptId } = made.plan
      return { status: 'succeeded', value: made.value, candidate: made.plan.candidate, attemptId, attempts: run.attempts }
    }
    const { step, error } = learn(run, candidate, made.failures)
    if (step === 'stop') return run.failed('stopped')
    // A hedge may have asked this candidate before.
    const tries = run.triesOf(candidate)
    if (step !== 'retry' || tries >= retries.triesMax) return 'next'
    const waitMs = backoffMs(run, error, tries)
    if (waitMs >= (run.queue.length > 0 ? Math.min(retries.waitMsMax, run.msLeft) : run.msLeft)) return 'next'
    await sleep(waitMs, run.signal)
  }
}

/** Reorders the remaining candidates according to the failures, and returns the next step after the failure of `candidate`. */
function learn<Refusal>(
  run: AttemptRun<Refusal>,
  candidate: Candidate,
  failures: (RaceResult<never> & { status: 'failed' })['failures'],
): { step: NextStep; error: ProviderError | undefined } {
  const { route, allowContentPolicyFallback, retries } = run.options
  let step: NextStep = 'next'
  let own: ProviderError | undefined
  const tooSmall: Candidate[] = []
  const refusing = new Set<string>()
  for (const { candidate: failed, error } of failures) {
    const next = stepAfter(error.kind, route.operation, allowContentPolicyFallback)
    run.lastError = error
    if (next === 'stop') return { step: next, error }
    if (next === 'next_larger') tooSmall.push(failed)
    if (error.kind === 'authentication' || error.kind === 'quota_exhausted') refusing.add(failed.adapter.name)
    if (failed === candidate) [step, own] = [next, error]
    // A hedge with a retryable failure keeps its turn.
    else if (next === 'retry' && run.triesOf(failed) < retries.triesMax) run.queue.unshift(failed)
  }
  // A key that is refused or out of quota fails for every offer of its adapter, so those go last.
  const isRefusing = ({ adapter }: Candidate) => refusing.has(adapter.name)
  if (refusing.size > 0) run.queue = [...run.queue.filter((other) => !isRefusing(other)), ...run.queue.filter(isRefusing)]
  // Of two that ran side by side, the other may be as small, so that asking it again is no use either.
  const isLargeEnough = (other: Candidate) => tooSmall.every((small) => isLargerThan(small, other))
  run.queue = run.queue.filter(isLargeEnough)
  if (step === 'retry' && !isLargeEnough(candidate)) step = 'next'
  return { step, error: own }
}

function backoffMs<Refusal>({ options }: AttemptRun<Refusal>, error: ProviderError | undefined, tries: number): number {
  const { retries, random } = options
  const jitterMs = random() * Math.min(retries.backoffMsMax, retries.backoffMs * 2 ** (tries - 1))
  return Math.max(0, error?.retryAfterMs ?? 0) + jitterMs
}

/** An offer that states no context window does not count as larger. */
function isLargerThan(small: Candidate, candidate: Candidate): boolean {
  return (candidate.offer.capabilities.contextTokens ?? 0) > (small.offer.capabilities.contextTokens ?? 0)
}
