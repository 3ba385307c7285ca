import type { ProviderError } from '@farebox/core'
import { stepAfter } from './after-failure.ts'
import type { AttemptPlan } from './attempt-plan.ts'
import type { AttemptCause } from './attempt-record.ts'
import type { AttemptRun } from './attempt-run.ts'
import type { Slot } from './concurrency.ts'
import { Contest } from './contest.ts'
import type { Candidate } from './route.ts'

/** What came of one attempt. `lost`: another one, made beside it, has decided. */
export type AttemptResult<T> =
  | { status: 'succeeded'; value: T }
  | { status: 'failed'; error: ProviderError }
  | { status: 'left' }
  | { status: 'lost' }

/** Makes one attempt, and finishes it; a stream may do so later. Never rejects. */
export type MakeAttempt<T> = (plan: AttemptPlan) => Promise<AttemptResult<T>>

/** What came of an attempt, and of the one that may have been made beside it. */
export type RaceResult<T> =
  | { status: 'succeeded'; value: T; plan: AttemptPlan }
  | { status: 'failed'; failures: readonly { candidate: Candidate; error: ProviderError }[] }
  | { status: 'left' }

/**
 * Makes an attempt; where it is the first of its route, it is slow and the budget allows it, a second one beside it at the next candidate
 * that is well.
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
    // What is bound to fail everywhere need not be waited for elsewhere.
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

/** Whom to ask beside a slow attempt: the next that is well and has room, if the budget and `beforeAttempt` allow it. */
async function chooseHedge<Refusal>(
  run: AttemptRun<Refusal>,
  isAnswered: AbortSignal,
): Promise<{ candidate: Candidate; slot: Slot } | undefined> {
  const { health, concurrency, hedge } = run.options
  const candidate = run.queue.find((other) => !run.isBlocked(other))
  if (!candidate || run.signal.aborted || run.msLeft <= 0 || !hedge?.budget.spend()) return undefined
  run.queue = run.queue.filter((other) => other !== candidate)
  const isAllowed = await run.allow(candidate, 'hedge').catch(() => undefined)
  const isWanted = isAllowed && !isAnswered.aborted && !run.signal.aborted && run.msLeft > 0
  const slot = isWanted ? concurrency.takeNow(candidate.adapter.name) : undefined
  if (slot && health.begin(candidate.entry.healthKey)) return { candidate, slot }
  slot?.()
  hedge.budget.giveBack()
  // One that was refused would be refused again.
  if (isAllowed !== false) run.queue.unshift(candidate)
  return undefined
}

/** How long the first attempt is waited for; `undefined` where it is not to be hedged. */
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
