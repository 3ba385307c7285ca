import type { AttemptRun } from './attempt-run.ts'
import type { Slot } from './concurrency.ts'
import type { Candidate } from './route.ts'

/** Permission to make one attempt, or why there is none. `elsewhere`: another candidate comes first now. */
export type Entered = { status: 'entered'; slot: Slot } | { status: 'left' } | { status: 'deadline' } | { status: 'elsewhere' }

/**
 * Waits until an attempt at a candidate may be made: for its pause to end, for room within its learned limits, and for a slot of
 * its adapter. All waits count against the overall deadline. If another candidate is healthy, it goes there instead of waiting.
 * If no other is left, it calls the candidate even though it is ill.
 */
export async function enter<Refusal>(run: AttemptRun<Refusal>, candidate: Candidate, isRetry: boolean): Promise<Entered> {
  const { health, concurrency, random } = run.options
  const { healthKey } = candidate.entry
  // Retries ignore the breaker, because the failure that they follow may itself have just opened it.
  let isForced = isRetry
  for (;;) {
    if (run.signal.aborted) return { status: 'left' }
    const leftMs = run.msLeft
    if (leftMs <= 0) return { status: 'deadline' }
    const lack = health.lack(healthKey, isRetry)
    if (lack) {
      run.lacks = { provider: candidate.offer.provider, retryAfterMs: lack.waitMs }
      if (goElsewhere(run, candidate, lack.waitMs, isRetry)) return { status: 'elsewhere' }
      // Capacity may return at any time before the deadline. A pause beyond the deadline will not end, so call anyway.
      if (lack.reason === 'full' || lack.waitMs < leftMs) {
        const jitterMs = random() * Math.min(250, lack.waitMs)
        await waitFor(run, candidate, Math.min(lack.waitMs + jitterMs, leftMs))
        continue
      }
      isForced = true
    }
    const { name } = candidate.adapter
    let slot = concurrency.takeNow(name)
    if (!slot) {
      // The adapter may have become crowded since this candidate was chosen.
      if (!isRetry && concurrency.isCrowded(name) && run.defer(candidate)) return { status: 'elsewhere' }
      slot = await concurrency.take(name, run.signal, leftMs)
    }
    if (!slot) {
      run.lacks = { provider: candidate.offer.provider }
      continue
    }
    // Time may have passed while waiting, and other attempts may have begun.
    const isInTime = !run.signal.aborted && run.msLeft > 0
    if (isInTime && health.begin(healthKey, isForced)) return { status: 'entered', slot }
    slot()
    if (!isInTime || health.lack(healthKey, isRetry)) continue
    if (run.defer(candidate)) return { status: 'elsewhere' }
    isForced = true
  }
}

/** Waits for `milliseconds`, or until there may be room or the caller leaves. */
async function waitFor<Refusal>(run: AttemptRun<Refusal>, { entry }: Candidate, milliseconds: number): Promise<void> {
  const { health, sleep } = run.options
  const waiting = new AbortController()
  const wake = () => waiting.abort()
  run.signal.addEventListener('abort', wake)
  const forget = health.whenFreed(entry.healthKey, wake)
  await sleep(milliseconds, waiting.signal)
  forget()
  run.signal.removeEventListener('abort', wake)
}

/** Moves a candidate that would have to wait behind one that is healthy or has a shorter wait. False if there is none. */
function goElsewhere<Refusal>(run: AttemptRun<Refusal>, candidate: Candidate, waitMs: number, isRetry: boolean): boolean {
  const { health, retries } = run.options
  const waitOf = ({ entry }: Candidate) => health.lack(entry.healthKey)?.waitMs ?? 0
  const well = run.queue.find((other) => !run.isBlocked(other))
  const other = well ?? (waitMs > retries.waitMsMax ? soonest(run.queue, waitOf) : undefined)
  if (!other || (!well && waitOf(other) >= waitMs)) return false
  const rest = run.queue.filter((one) => one !== other)
  run.queue = isRetry ? [other, ...rest] : [other, ...rest, candidate]
  return true
}

function soonest(candidates: readonly Candidate[], waitOf: (candidate: Candidate) => number): Candidate | undefined {
  return candidates.toSorted((left, right) => waitOf(left) - waitOf(right))[0]
}
