import {
  type CallContext,
  type Credits,
  isFareboxError,
  type ProviderAdapter,
  ProviderError,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import type { Refusal } from '@farebox/ledger'
import {
  type AttemptRecord,
  attempt,
  attemptStream,
  type Candidate,
  type Concurrency,
  type Deadlines,
  type HedgeOptions,
  type LateAnswer,
  type Retries,
  type RouteRequest,
  type StreamAttemptOptions,
  type StreamEnding,
  type StreamEvent,
  type StreamPart,
  type Tally,
} from '@farebox/router'
import { isUsage } from './book-prices.ts'
import { failedWith } from './charged-failures.ts'
import { correctionIdOf } from './correction-id.ts'
import { CallerLeftError } from './errors.ts'
import { failureOf } from './failure-of.ts'
import { type HeldRoute, holdRoute, type MeterParts, type Payer } from './hold-route.ts'
import type { OpenStreams } from './open-streams.ts'
import { safeListener } from './safe-listener.ts'
import { type Answer, settleCall } from './settle-call.ts'
import type { ObservedCall } from './telemetry/call-observer.ts'
import { CallWatch } from './telemetry/watch-call.ts'
import type { CallOptions, Metered, StreamOptions } from './workflow-calls.ts'

/** The deadlines of live work. */
export interface LiveDeadlines extends Deadlines {
  /**
   * How many milliseconds a provider may stay silent after its input has ended, or while a request waits for the end of an answer
   * that was cancelled. Then its stream counts as cut.
   * @defaultValue 30_000
   */
  finishMs?: number
}

/** The parts of a Farebox that running calls uses. */
export interface RunnerParts extends MeterParts {
  deadlines: Deadlines
  liveDeadlines: LiveDeadlines
  retries?: Retries
  concurrency?: Concurrency
  hedge?: HedgeOptions
  allowContentPolicyFallback?: boolean
  /** How long to keep reading from a provider that bills answers whose reader has left, in milliseconds. */
  drainMs: number
  clock(): number
  /** Runs work in the background that nobody awaits. */
  background(work: Promise<unknown>): void
  /** Streams that wait for their readers. */
  streams: OpenStreams
}

/** The workflow that calls are run for. */
export interface RunnerOwner {
  payer: Payer
  /** The name that breakdowns group the workflow by. */
  workflowName: string
  /**
   * Aborts when the workflow's caller leaves. Read only when there is something to stop: creating one costs more than the whole
   * workflow.
   */
  signal(): AbortSignal | undefined
  metadata?: Readonly<Record<string, string>>
}

type Quantities = readonly UsageQuantity[]

/** A call that returns a whole answer. */
export interface WholeCall<Result> {
  request: RouteRequest
  options: CallOptions
  call: (candidate: Candidate, context: CallContext) => Promise<Result>
  /** The caller's input, for observers that record it. */
  input?: ObservedCall['input']
  /** The usage to charge if the provider does not report any. */
  unreported: Quantities | ((result: Result, candidate: Candidate) => Quantities | Promise<Quantities>)
  /** Called with the candidate that answered and the usage that it reported. */
  onAnswered?: (candidate: Candidate, usage: Usage | undefined) => void
  /** @defaultValue the Farebox's */
  deadlines?: Deadlines
}

/** A call that streams its answer as events. `Produced` is what is kept of them. */
export interface StreamedCall<Event extends StreamEvent, Produced> {
  request: RouteRequest
  options: CallOptions
  open: StreamAttemptOptions<Event, Refusal, Produced>['open']
  /** The caller's input, for observers that record it. */
  input?: ObservedCall['input']
  /** Sums up the events produced. @defaultValue keeps all of them */
  tally?: () => Tally<Event, Produced>
  /** The least that was used, for an answer that was cut or whose provider reports no usage. */
  unreported: (candidate: Candidate, produced: Produced) => Usage | Promise<Usage>
  /** Whether another provider could continue after these events. @defaultValue false */
  mayContinue?: (produced: Produced) => boolean
  /** What is asked of a provider that continues after these parts. The hold covers it. */
  continued?: (earlier: readonly StreamPart<Produced>[]) => Promise<RouteRequest>
  streaming?: StreamOptions
  /** Called with the candidate that answered and the usage that it reported. */
  onAnswered?: (candidate: Candidate, usage: Usage | undefined) => void
}

/** A streamed answer that has begun. */
export interface RunningStream<Event> {
  candidate: Candidate
  /** The account's balance when the stream began. */
  balance: Credits
  events: AsyncIterableIterator<Event, undefined, undefined>
  settled: Promise<Pick<Metered, 'creditsUsed' | 'balance'> & { isComplete: boolean }>
}

/** How long a hold outlives the deadline of the call that it pays for. */
const HOLD_MARGIN_MS = 60_000

/** Runs the calls of one workflow: plans a route, places the hold, makes the attempts and settles. */
export class CallRunner {
  readonly #parts: RunnerParts
  readonly #owner: RunnerOwner
  /** Work under way. Closing waits for it, so that its charges are on the receipt. */
  readonly #running = new Set<Promise<unknown>>()
  /** Settlements of streams that have ended, which whoever has read one to its end takes for charged. */
  readonly #settling = new Set<Promise<unknown>>()

  constructor(parts: RunnerParts, owner: RunnerOwner) {
    this.#parts = parts
    this.#owner = owner
  }

  /** Waits for the work under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  /** Tracks `work` as under way. A closing Farebox waits for it too, so that every answer is charged. */
  track<Result>(work: Promise<Result>): Promise<Result> {
    const settled = () => void this.#running.delete(work)
    this.#running.add(work)
    this.#parts.background(work.then(settled, settled))
    return work
  }

  /** Tracks the settlement of a stream that has ended. */
  trackSettlement<Result>(work: Promise<Result>): Promise<Result> {
    const settled = () => void this.#settling.delete(work)
    this.#settling.add(work)
    work.then(settled, settled)
    return this.track(work)
  }

  /** Waits until the streams that have ended are settled. Unlike {@link idle}, it waits for no stream that is still to be read. */
  async settlements(): Promise<void> {
    while (this.#settling.size > 0) await Promise.allSettled(this.#settling)
  }

  /** Makes a call that returns a whole answer. */
  whole<Result extends { usage?: Usage; requestId?: string }>(call: WholeCall<Result>): Promise<Metered & { result: Result }> {
    return this.track(this.wholeUntracked(call))
  }

  /** Does the same as {@link whole}, for a caller that tracks the work itself. */
  wholeUntracked<Result extends { usage?: Usage; requestId?: string }>(
    call: WholeCall<Result>,
  ): Promise<Metered & { result: Result }> {
    const watch = this.watch(call.request, { input: call.input, isStream: false })
    return watch.run(() => this.#wholeWatched(call, watch))
  }

  /** Makes a call that streams its answer. Resolves with the first content: before that, nothing has reached the caller. */
  stream<Event extends StreamEvent, Produced>(call: StreamedCall<Event, Produced>): Promise<RunningStream<Event>> {
    const watch = this.watch(call.request, { input: call.input, isStream: true })
    return this.track(watch.run(() => this.#stream(call, watch)))
  }

  async #stream<Event extends StreamEvent, Produced>(
    call: StreamedCall<Event, Produced>,
    watch: CallWatch,
  ): Promise<RunningStream<Event>> {
    const { request, options, streaming = {}, mayContinue, continued } = call
    const held = await this.hold(request, options)
    watch.held(held)
    const onContinued = safeListener(streaming.onContinued, this.#parts.onError)
    const cut: StreamPart<Produced>[] = []
    const afterContent = (part: StreamPart<Produced>) => {
      if (!mayContinue?.(part.produced) || streaming.afterContent !== 'continue') return 'end'
      cut.push(part)
      if (continued) held.continues(() => continued(cut))
      return 'continue'
    }
    const outcome = await attemptStream<Event, Refusal, Produced>({
      ...this.attemptOptions(held, options, watch),
      open: watch.opening(call.open),
      ...(call.tally && { tally: call.tally }),
      afterContent,
      onContinued: ({ from, to }) => onContinued({ from: from.candidate.offer.provider, to: to.candidate.offer.provider }),
      drain: ({ candidate }) => (candidate.offer.capabilities.billsAbandoned ? this.#parts.drainMs : 0),
    }).catch((error: unknown) => this.giveUp(held, error, watch))
    if (outcome.status !== 'succeeded') {
      const { charged } = await settleCall(this.#parts, this.#owner.payer, held, { attempts: outcome.attempts, watch })
      throw failedWith(failureOf(outcome, request.operation), { holdId: held.holdId, charged })
    }
    const { value, candidate, attempts } = outcome
    const settled = value.ended.then(async (ending) => {
      // Tracked only from here on: code that closes the workflow before it reads the stream would wait for itself.
      const { charged, balance } = await watch.run(() =>
        this.trackSettlement(this.#settleStream(held, call, ending, { attempts, watch })),
      )
      watch.end(endOf(ending))
      return { creditsUsed: charged, balance, isComplete: ending.status === 'finished' }
    })
    // A closing Farebox waits for it, even if nobody else does.
    this.#parts.background(settled)
    this.#parts.streams.add(() => void value.events.return?.(), value.ended)
    return { candidate, balance: held.balance, events: value.events, settled }
  }

  /**
   * Settles a stream. The last provider's part is the answer. Earlier parts were cut, and are settled like other failed attempts.
   */
  async #settleStream<Event extends StreamEvent, Produced>(
    held: HeldRoute,
    { unreported, onAnswered }: StreamedCall<Event, Produced>,
    ending: StreamEnding<Event, Produced>,
    { attempts, watch }: { attempts: readonly AttemptRecord[]; watch: CallWatch },
  ) {
    const floors = new Map<string, Usage>()
    const floorOf = (part: StreamPart<Produced>) =>
      this.#fallbackUsage(held.usageOf(part.candidate.offer), () => unreported(part.candidate, part.produced))
    for (const part of ending.parts.slice(0, -1)) floors.set(part.attemptId, await floorOf(part))
    const last = ending.parts.at(-1) ?? ending.parts[0]
    const { candidate, attemptId, usage } = last
    const fallback = () => floorOf(last)
    const requestId = attempts.find((attempt) => attempt.attemptId === attemptId)?.requestId
    onAnswered?.(candidate, usage && isUsage(usage) ? usage : undefined)
    const answer: Answer = { candidate, attemptId, usage, fallback, requestId }
    return settleCall(this.#parts, this.#owner.payer, held, { answer, attempts, floors, watch })
  }

  /**
   * Plans a call and places a hold for its price.
   *
   * @throws {CallerLeftError} the caller has left: nothing was opened or held
   */
  async hold(
    request: RouteRequest,
    { metadata, signal }: CallOptions,
    deadlines: Deadlines = this.#parts.deadlines,
  ): Promise<HeldRoute> {
    // Nobody would close a workflow that opened now, and its reserve would stay set aside.
    if (request.operation !== 'call' && (signal?.aborted || this.#owner.signal()?.aborted)) {
      throw new CallerLeftError('the caller left before the call began')
    }
    const ttlMs = Math.ceil(deadlines.totalMs ?? 60_000) + HOLD_MARGIN_MS
    const known = { ...this.#owner.metadata, ...metadata }
    return holdRoute(this.#parts, this.#owner.payer, { ...request, metadata: known }, { ttlMs })
  }

  /** Tells observers that a call begins. */
  watch({ service, operation, provider }: RouteRequest, facts: Pick<ObservedCall, 'input' | 'isStream'>): CallWatch {
    const { accountId, workflowId, apiKey, userId } = this.#owner.payer
    return new CallWatch(this.#parts.observers, {
      accountId,
      workflowId,
      workflowName: this.#owner.workflowName,
      apiKeyId: apiKey?.apiKeyId,
      userId,
      service,
      operation,
      requestedProvider: provider,
      ...facts,
    })
  }

  /** The options of the router's attempts. */
  attemptOptions(held: HeldRoute, { signal }: CallOptions, watch: CallWatch) {
    // A phone call goes on after its caller has left: it runs to its end or its limit, and is charged.
    const signals = held.route.operation === 'call' ? [] : [signal, this.#owner.signal()].filter((one) => one !== undefined)
    // `AbortSignal.any` costs as much as planning a whole route, so a single signal is used as it is.
    const [only] = signals
    const joined = signals.length > 1 ? AbortSignal.any(signals) : only
    return {
      route: held.route,
      id: held.holdId,
      caller: this.#owner.payer.accountId,
      health: this.#parts.health,
      deadlines: this.#parts.deadlines,
      retries: this.#parts.retries,
      concurrency: this.#parts.concurrency,
      hedge: this.#parts.hedge,
      allowContentPolicyFallback: this.#parts.allowContentPolicyFallback,
      random: this.#parts.random,
      beforeAttempt: held.beforeAttempt,
      onAttempt: watch.attempted,
      clock: () => this.#parts.clock(),
      ...(joined && { signal: joined }),
    }
  }

  async #wholeWatched<Result extends { usage?: Usage; requestId?: string }>(
    { request, options, call, unreported, onAnswered, deadlines = this.#parts.deadlines }: WholeCall<Result>,
    watch: CallWatch,
  ): Promise<Metered & { result: Result }> {
    const held = await this.hold(request, options, deadlines)
    watch.held(held)
    const onLateAnswer = (late: LateAnswer<Result>) => this.#parts.background(this.#correctCost(held, late))
    const attemptOptions = { ...this.attemptOptions(held, options, watch), deadlines, call: watch.calling(call), onLateAnswer }
    const outcome = await attempt(attemptOptions).catch((error: unknown) => this.giveUp(held, error, watch))
    if (outcome.status !== 'succeeded') {
      const { charged } = await settleCall(this.#parts, this.#owner.payer, held, { attempts: outcome.attempts, watch })
      throw failedWith(failureOf(outcome, request.operation), { holdId: held.holdId, charged })
    }
    const { value: result, candidate, attemptId, attempts } = outcome
    const fallback = () =>
      this.#fallbackUsage(held.usageOf(candidate.offer), async () => ({
        quantities: await (typeof unreported === 'function' ? unreported(result, candidate) : unreported),
        certainty: 'derived',
      }))
    const answer: Answer = { candidate, attemptId, usage: result.usage, fallback, requestId: result.requestId }
    onAnswered?.(candidate, result.usage && isUsage(result.usage) ? result.usage : undefined)
    const { charged, balance } = await settleCall(this.#parts, this.#owner.payer, held, { answer, attempts, watch }).catch(
      (error: unknown) => {
        throw failedWith(error, { holdId: held.holdId })
      },
    )
    watch.end({ outcome: 'succeeded', candidate })
    return {
      result,
      provider: candidate.offer.provider,
      creditsUsed: charged,
      balance,
      isSimulated: candidate.adapter.isSimulated,
    }
  }

  /** Corrects the cost of an attempt that had been given up and then ended after all, now that its usage is known. */
  async #correctCost(held: HeldRoute, late: LateAnswer<{ usage?: Usage }>): Promise<void> {
    const { usage } = late.status === 'answered' ? late.value : late.error
    if (!usage || !isUsage(usage)) return
    // The least or the most that a failure may have used tells no more than the most that its record already has.
    if (late.status === 'failed' && (usage.certainty === 'floor' || usage.certainty === 'ceiling')) return
    const { service, provider, model } = late.candidate.offer
    // Only the cost changes, so it does not matter whether customers have a price for all of it.
    const { quantities, serviceTier } = usage
    const cost = this.#parts.prices.costOf({ service, provider, model, at: held.at, serviceTier }, quantities)
    if (cost === undefined) return
    // The attempt's record is written when the call has ended, which may be later than this.
    await this.idle()
    const { accountId } = this.#owner.payer
    const usageId = late.attemptId
    const correctionId = correctionIdOf('late', usageId)
    await this.#parts.ledger
      .adjust({ accountId, usageId, cost, correctionId, reason: 'it answered late' })
      .catch((error: unknown) => {
        if (!isFareboxError(error) || error.code !== 'USAGE_NOT_FOUND') throw error
      })
  }

  /**
   * The usage to charge if the provider reports none. If even that cannot be determined, the ceiling of the request: the host is
   * told, because that is more than was used.
   */
  async #fallbackUsage({ ceiling }: Pick<RouteRequest, 'ceiling'>, unreported: () => Usage | Promise<Usage>): Promise<Usage> {
    try {
      return await unreported()
    } catch (error) {
      this.#parts.onError(error)
      return { quantities: ceiling, certainty: 'ceiling' }
    }
  }

  /** Ends a hold because of an error, and rethrows the error. The attempts before it are settled like those of any failed call. */
  async giveUp(held: HeldRoute, error: unknown, watch: CallWatch): Promise<never> {
    const { charged } = await settleCall(this.#parts, this.#owner.payer, held, { attempts: watch.attempts, watch })
    throw failedWith(error, { holdId: held.holdId, charged })
  }
}

/** How a stream ended, and the candidate that served it last. */
function endOf({ status, parts }: StreamEnding<unknown, unknown>) {
  const { candidate } = parts.at(-1) ?? parts[0]
  return { outcome: status === 'finished' ? ('succeeded' as const) : status, candidate }
}

/** The adapter's method. If the adapter lacks it, its offer is wrong, and the next candidate is tried. */
export function required<Name extends MethodName>({ adapter, offer }: Candidate, name: Name): NonNullable<ProviderAdapter[Name]> {
  const method = adapter[name]
  if (method) return method as NonNullable<ProviderAdapter[Name]>
  throw new ProviderError(`${adapter.name} cannot ${name}`, { provider: offer.provider, kind: 'unsupported' })
}

type MethodName = {
  [Name in keyof ProviderAdapter]-?: NonNullable<ProviderAdapter[Name]> extends (...parameters: never[]) => unknown ? Name : never
}[keyof ProviderAdapter]
