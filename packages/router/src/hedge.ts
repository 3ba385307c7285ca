import type { ProviderError } from '@farebox/core'
import { stepAfter } from './after-failure.ts'
import type { AttemptPlan } from './attempt-plan.ts'
import type { AttemptCause } from './attempt-record.ts'
import type { AttemptRun } from './attempt-run.ts'
import type { Slot } from './concurrency.ts'
import { Contest } from './contest.ts'
import type { Candidate } from './route.ts'

/** The outcome of one attempt. `lost`: a parallel attempt decided the race. */
export type AttemptResult<T> =
  | { status: 'succeeded'; value: T }
  | { status: 'failed'; error: ProviderError }
  | { status: 'left' }
  | { status: 'lost' }

/** Makes one attempt and finishes it. A stream may finish it later. Never rejects. */
export type MakeAttempt<T> = (plan: AttemptPlan) => Promise<AttemptResult<T>>

/** The joint outcome of an attempt and its hedge, if there was one. */
export type RaceResult<T> =
  | { status: 'succeeded'; value: T; plan: AttemptPlan }
  | { status: 'failed'; failures: readonly { candidate: Candidate; error: ProviderError }[] }
  | { status: 'left' }

/**
 * Makes an attempt. If it is the first of its route and slow, and the budget allows it, makes a second one in parallel at the
 * next healthy candidate.
 */
export async function makeHedged<T, Refusal>(
  run: AttemptRun<Refusal>,
  { candidate, cause, slot }: { candidate: Candidate; cause: AttemptCause; slot: Slot },
  make: MakeAttempt<T>,
): Promise<RaceResult<T>> {
  const afterMs = cause === 'first' ? hedgeAfterMs(run, candidate) : undefined
  if (afterMs === undefined) {
    const plan = run.begin({ candidate, cause, slot })
    return resultOf([{ plan, result: await make(plan) }])
  }
  const contest = new Contest(run.signal)
  const start = async (plan: AttemptPlan) => {
    const result = await make(plan)
    // An error that every candidate would give ends the race.
    if (result.status === 'failed' && isFinal(run, result.error)) contest.decide()
    return { plan, result }
  }
  const isAnswered = new AbortController()
  const first = start(run.begin({ candidate, cause, slot, contestant: contest.enter() }))
  void first.then(() => isAnswered.abort())
  await run.options.sleep(afterMs, isAnswered.signal)
  const other = isAnswered.signal.aborted ? undefined : await chooseHedge(run, isAnswered.signal)
  const second = other && start(run.begin({ ...other, cause: 'hedge', contestant: contest.enter() }))
  const results = await Promise.all(second ? [first, second] : [first])
  contest.end()
  return resultOf(results)
}

/** The candidate for a hedge: the next healthy one that has room, if the budget and `beforeAttempt` allow it. */
async function chooseHedge<Refusal>(
  run: AttemptRun<Refusal>,
  isAnswered: AbortSignal,
): Promise<{ candidate: Candidate; slot: Slot } | undefined> {
  const { health, concurrency, hedge } = run.options
  const candidate = run.queue.find((other) => !run.isBlocked(other))
  if (!candidate || run.signal.aborted || run.msLeft <= 0 || !hedge?.budget.spend()) return undefined
  run.queue = run.queue.filter((other) => other !== candidate)
  const isAllowed = await run.allow(candidate, 'hedge').catch(() => false)
  const isWanted = isAllowed && !isAnswered.aborted && !run.signal.aborted && run.msLeft > 0
  const slot = isWanted ? concurrency.takeNow(candidate.adapter.name) : undefined
  if (slot && health.begin(candidate.entry.healthKey)) return { candidate, slot }
  slot?.()
  hedge.budget.giveBack()
  // Also if `beforeAttempt` refused it: alone, it may still pass.
  run.queue.unshift(candidate)
  return undefined
}

/** How long to wait for the first attempt. `undefined`: do not hedge it. */
function hedgeAfterMs<Refusal>(run: AttemptRun<Refusal>, { entry }: Candidate): number | undefined {
  const { hedge, health } = run.options
  if (!hedge) return undefined
  hedge.budget.earn()
  return hedge.afterMs === 'p95' ? health.slowMs(entry.healthKey, run.isStream) : hedge.afterMs
}

function isFinal<Refusal>({ options }: AttemptRun<Refusal>, { kind }: ProviderError): boolean {
  return stepAfter(kind, options.route.operation, options.allowContentPolicyFallback) === 'stop'
}

function resultOf<T>(made: readonly { plan: AttemptPlan; result: AttemptResult<T> }[]): RaceResult<T> {
  const failures: { candidate: Candidate; error: ProviderError }[] = []
  for (const { plan, result } of made) {
    if (result.status === 'succeeded') return { status: 'succeeded', value: result.value, plan }
    if (result.status === 'failed') failures.push({ candidate: plan.candidate, error: result.error })
  }
  return failures.length > 0 ? { status: 'failed', failures } : { status: 'left' }
}
