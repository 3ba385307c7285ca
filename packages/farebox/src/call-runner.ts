import { type CallContext, type ProviderAdapter, ProviderError, type Usage, type UsageQuantity } from '@farebox/core'
import type { Refusal } from '@farebox/ledger'
import {
  attempt,
  attemptStream,
  type Candidate,
  type Deadlines,
  type RouteRequest,
  type StreamEnding,
  type StreamEvent,
} from '@farebox/router'
import { failureOf } from './failure-of.ts'
import { type HeldRoute, holdRoute, type MeterParts, type Payer } from './hold-route.ts'
import { type Answer, release, settleCall } from './settle-call.ts'
import type { CallOptions, Metered } from './workflow-calls.ts'

/** What running calls needs of a Farebox. */
export interface RunnerParts extends MeterParts {
  deadlines: Deadlines
  clock(): number
  /** Lets work go on that nobody awaits. */
  background(work: Promise<unknown>): void
}

/** The workflow that calls are run for. */
export interface RunnerOwner {
  payer: Payer
  /** Fires when the workflow's caller leaves. */
  signal?: AbortSignal
  /** Opens the workflow in the ledger. */
  open(): Promise<void>
}

type Quantities = readonly UsageQuantity[]

/** One call that answers as a whole. */
export interface WholeCall<Result> {
  request: RouteRequest
  options: CallOptions
  call: (candidate: Candidate, context: CallContext) => Promise<Result>
  /** What is charged where the provider does not say what it counted. */
  unreported: readonly UsageQuantity[] | ((result: Result, candidate: Candidate) => Quantities | Promise<Quantities>)
  /** @defaultValue the Farebox's */
  deadlines?: Deadlines
}

/** One call that answers in events. */
export interface StreamedCall<Event extends StreamEvent> {
  request: RouteRequest
  options: CallOptions
  open: (candidate: Candidate, context: CallContext) => AsyncIterable<Event>
  /** What was used at least, where the provider did not say, or its answer was cut. */
  unreported: (candidate: Candidate, produced: readonly Event[]) => Usage | Promise<Usage>
}

/** A streamed answer that has begun. */
export interface RunningStream<Event> {
  candidate: Candidate
  events: AsyncIterableIterator<Event, undefined, undefined>
  settled: Promise<Pick<Metered, 'creditsUsed'> & { isComplete: boolean }>
}

/** How long a hold outlives the deadline of what it pays for. */
const HOLD_MARGIN_MS = 60_000

/** Routes, holds, attempts and settles the calls of one workflow. */
export class CallRunner {
  readonly #parts: RunnerParts
  readonly #owner: RunnerOwner
  /** What is under way: closing waits for it, so that its charges are on the receipt. */
  readonly #running = new Set<Promise<unknown>>()

  constructor(parts: RunnerParts, owner: RunnerOwner) {
    this.#parts = parts
    this.#owner = owner
  }

  /** Waits for what is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  /** Counts `work` among what is under way. */
  track<Result>(work: Promise<Result>): Promise<Result> {
    const settled = () => void this.#running.delete(work)
    this.#running.add(work)
    work.then(settled, settled)
    return work
  }

  /** Makes a call that answers as a whole. */
  whole<Result extends { usage?: Usage; requestId?: string }>(call: WholeCall<Result>): Promise<Metered & { result: Result }> {
    return this.track(this.#whole(call))
  }

  /** Makes a call that answers in events. Resolves with the first content; until then nothing was sent to the caller. */
  async stream<Event extends StreamEvent & { requestId?: string }>(call: StreamedCall<Event>): Promise<RunningStream<Event>> {
    const { request, options, unreported } = call
    const held = await this.hold(request)
    const outcome = await attemptStream<Event, Refusal>({
      ...this.attemptOptions(held, options),
      open: call.open,
    }).catch((error: unknown) => this.giveUp(held, error))
    if (outcome.status !== 'succeeded') {
      await settleCall(this.#parts, this.#owner.payer, held, outcome)
      throw failureOf(outcome, request.operation)
    }
    const { value, candidate, attemptId, attempts } = outcome
    const settled = value.ended.then(async (ending) => {
      const fallback = await unreported(candidate, ending.produced)
      const answer: Answer = { candidate, attemptId, usage: ending.usage ?? fallback, fallback, requestId: requestIdOf(ending) }
      // Closing waits from here on, not before: whoever is to read the stream may be the one who closes.
      const { charged } = await this.track(settleCall(this.#parts, this.#owner.payer, held, { answer, attempts }))
      return { creditsUsed: charged, isComplete: ending.status === 'finished' }
    })
    // Whoever awaits it is told; closing the Farebox waits for it in any case.
    this.#parts.background(settled)
    return { candidate, events: value.events, settled }
  }

  /** Plans a call and sets its price aside. */
  hold(request: RouteRequest, deadlines: Deadlines = this.#parts.deadlines): Promise<HeldRoute> {
    const ttlMs = (deadlines.totalMs ?? 60_000) + HOLD_MARGIN_MS
    return holdRoute(this.#parts, this.#owner.payer, request, { ttlMs, open: this.#owner.open })
  }

  /** What the router's attempts are given. */
  attemptOptions(held: HeldRoute, { signal }: CallOptions) {
    // Whoever leaves does not end a telephone call: it goes on to its end or its limit, and is charged.
    const signals = held.route.operation === 'call' ? [] : [signal, this.#owner.signal].filter((one) => one !== undefined)
    return {
      route: held.route,
      id: held.holdId,
      health: this.#parts.health,
      deadlines: this.#parts.deadlines,
      beforeAttempt: held.beforeAttempt,
      clock: () => this.#parts.clock(),
      ...(signals.length > 0 && { signal: AbortSignal.any(signals) }),
    }
  }

  async #whole<Result extends { usage?: Usage; requestId?: string }>({
    request,
    options,
    call,
    unreported,
    deadlines = this.#parts.deadlines,
  }: WholeCall<Result>): Promise<Metered & { result: Result }> {
    const held = await this.hold(request, deadlines)
    const outcome = await attempt({ ...this.attemptOptions(held, options), deadlines, call }).catch((error: unknown) =>
      this.giveUp(held, error),
    )
    if (outcome.status !== 'succeeded') {
      await settleCall(this.#parts, this.#owner.payer, held, outcome)
      throw failureOf(outcome, request.operation)
    }
    const { value: result, candidate, attemptId, attempts } = outcome
    const fallback = await fallbackUsage(request, () =>
      typeof unreported === 'function' ? unreported(result, candidate) : unreported,
    )
    const answer: Answer = { candidate, attemptId, usage: result.usage ?? fallback, fallback, requestId: result.requestId }
    const { charged } = await settleCall(this.#parts, this.#owner.payer, held, { answer, attempts })
    return {
      result,
      provider: candidate.offer.provider,
      creditsUsed: charged,
      isSimulated: candidate.adapter.isSimulated,
    }
  }

  /** Gives a hold back because of an error, and throws it on. */
  async giveUp(held: HeldRoute, error: unknown): Promise<never> {
    await release(this.#parts, this.#owner.payer, held)
    throw error
  }
}

/** The adapter's method. An offer without it is a defect of the adapter, and the next candidate is tried. */
export function required<Name extends MethodName>({ adapter, offer }: Candidate, name: Name): NonNullable<ProviderAdapter[Name]> {
  const method = adapter[name]
  if (method) return method as NonNullable<ProviderAdapter[Name]>
  throw new ProviderError(`${adapter.name} cannot ${name}`, { provider: offer.provider, kind: 'unsupported' })
}

type MethodName = {
  [Name in keyof ProviderAdapter]-?: NonNullable<ProviderAdapter[Name]> extends (...parameters: never[]) => unknown ? Name : never
}[keyof ProviderAdapter]

/** What is charged where the provider does not say; where even that cannot be told, the most that was expected. */
async function fallbackUsage(request: RouteRequest, unreported: () => Quantities | Promise<Quantities>): Promise<Usage> {
  try {
    return { quantities: await unreported(), certainty: 'derived' }
  } catch {
    return { quantities: request.ceiling, certainty: 'ceiling' }
  }
}

function requestIdOf<Event extends { requestId?: string }>(ending: StreamEnding<Event>): string | undefined {
  return ending.status === 'finished' ? ending.finish.requestId : undefined
}
