import { type CallContext, type Credits, microCredits } from '@farebox/core'
import type { AttemptRecord, Candidate, StreamEvent } from '@farebox/router'
import type { HeldRoute } from '../hold-route.ts'
import type { AnswerFacts, AttemptWatcher, CallEnd, CallObserver, CallWatcher, ObservedCall } from './call-observer.ts'
import { outcomeOfError } from './outcome-of-error.ts'
import { answerFacts, watchEvents } from './watch-events.ts'

/** Notifies the observers of one call. An observer that fails harms neither the call nor other observers. */
export class CallWatch {
  readonly #watchers: readonly CallWatcher[]
  /** The watchers of attempts. Usually there are none, and then nothing is wrapped. */
  readonly #tracers: readonly Required<Pick<CallWatcher, 'attempting'>>[]
  /** Its attempts that have ended, for a call that is given up. */
  readonly attempts: AttemptRecord[] = []
  /** What it has been charged so far, in micro-credits. */
  #charged = 0n
  #isOver = false

  constructor(observers: readonly CallObserver[], call: ObservedCall) {
    this.#watchers = observers.flatMap((observer) => quietly(() => observer.begin?.(call)) ?? [])
    this.#tracers = this.#watchers.filter((watcher) => watcher.attempting !== undefined) as never
  }

  /** Runs the call. It ends when `work` throws, or else when {@link end} is called. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await inside(this.#watchers, work)
    } catch (error) {
      this.end({ outcome: outcomeOfError(error), error })
      throw error
    }
  }

  held({ holdId, amount, route }: HeldRoute): void {
    for (const watcher of this.#watchers) quietly(() => watcher.held?.({ holdId, amount, route: route.candidates }))
  }

  /** For the router: call it with each attempt that has ended. */
  readonly attempted = (record: AttemptRecord): void => {
    this.attempts.push(record)
    for (const watcher of this.#watchers) quietly(() => watcher.attempted?.(record))
  }

  /** Adds a charge to those that {@link end} tells of. */
  charged(amount: Credits): void {
    this.#charged += amount
  }

  end(end: Omit<CallEnd, 'creditsUsed'>): void {
    if (this.#isOver) return
    this.#isOver = true
    const creditsUsed = microCredits(this.#charged)
    for (const watcher of this.#watchers) quietly(() => watcher.ended?.({ ...end, creditsUsed }))
  }

  /** Wraps an adapter's call that returns a whole answer, so that watchers see it as an attempt. */
  calling<Result>(call: (candidate: Candidate, context: CallContext) => Promise<Result>): typeof call {
    if (this.#tracers.length === 0) return call
    return async (candidate, context) => {
      const watchers = this.#attempting(candidate, context)
      const result = await inside(watchers, () => call(candidate, context))
      tellAnswered(watchers, answerFacts(result))
      return result
    }
  }

  /** Wraps an adapter's stream, so that watchers see it as an attempt. */
  opening<Event extends StreamEvent, Rest extends unknown[]>(
    open: (candidate: Candidate, context: CallContext, ...rest: Rest) => AsyncIterable<Event>,
  ): typeof open {
    if (this.#tracers.length === 0) return open
    return (candidate, context, ...rest) => {
      const watchers = this.#attempting(candidate, context)
      return watchEvents(
        (facts) => tellAnswered(watchers, facts),
        (work) => inside(watchers, work),
        inside(watchers, () => open(candidate, context, ...rest)),
      )
    }
  }

  #attempting(candidate: Candidate, { attemptId }: CallContext): AttemptWatcher[] {
    return this.#tracers.flatMap((tracer) => quietly(() => tracer.attempting({ attemptId, candidate })) ?? [])
  }
}

/** Runs work inside the contexts of all watchers, such as their spans. */
function inside<T>(watchers: readonly Pick<CallWatcher, 'run'>[], work: () => T): T {
  return watchers.reduce<() => T>((inner, watcher) => (watcher.run ? () => runBy(watcher, inner) : inner), work)()
}

/** Runs the work exactly once and passes its outcome on, even if the watcher fails or forgets to run it. */
function runBy<T>(watcher: Pick<CallWatcher, 'run'>, work: () => T): T {
  let begun: { result: T } | { error: unknown } | undefined
  const once = () => {
    begun ??= outcomeOf(work)
    if ('error' in begun) throw begun.error
    return begun.result
  }
  quietly(() => watcher.run?.(once))
  return once()
}

function outcomeOf<T>(work: () => T): { result: T } | { error: unknown } {
  try {
    return { result: work() }
  } catch (error) {
    return { error }
  }
}

function tellAnswered(watchers: readonly AttemptWatcher[], facts: AnswerFacts): void {
  for (const watcher of watchers) quietly(() => watcher.answered(facts))
}

/** Calls an observer or logger, and ignores its errors. */
export function quietly<T>(tell: () => T): T | undefined {
  try {
    const told = tell()
    // An asynchronous observer or logger may fail later.
    if (told instanceof Promise) told.catch(() => undefined)
    return told
  } catch {
    return undefined
  }
}
