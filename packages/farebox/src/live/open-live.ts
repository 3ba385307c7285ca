import { type CallContext, InvalidOptionError, type SoundFormat, type Usage } from '@farebox/core'
import type { Refusal } from '@farebox/ledger'
import {
  attemptStream,
  type Candidate,
  createTally,
  type ProducedCounts,
  pricedOffer,
  type RouteRequest,
  type StreamEvent,
} from '@farebox/router'
import type { CallRunner, RunnerParts } from '../call-runner.ts'
import { RequestLimitError } from '../errors.ts'
import { failureOf } from '../failure-of.ts'
import type { HeldRoute, Payer } from '../hold-route.ts'
import { isUnaffordable } from '../is-unaffordable.ts'
import { requestLimit } from '../request-limit.ts'
import { answerDetails, keepIfShort, settleCall, settleFailedAttempt } from '../settle-call.ts'
import type { CallWatch } from '../telemetry/watch-call.ts'
import type { CallOptions, LiveEnd, LiveStream, SpendingBlock } from '../workflow-calls.ts'
import { LiveMeter, type LiveWork } from './live-meter.ts'
import { readAhead } from './read-ahead.ts'
import { withinSilence } from './within-silence.ts'

/** How long a provider may stay silent after its input has ended. Transcribing the last words takes a second or two. */
const FINISH_MS = 30_000

/** The parts of a workflow that live work uses. */
export interface LiveParts {
  parts: RunnerParts
  payer: Payer
  runner: CallRunner
}

/** Why live work ended, and what kept it from being paid although there may be credits. */
export interface LiveEnding {
  endedBy: LiveEnd
  blockedBy?: SpendingBlock
}

/** The part of live work that is specific to its service: a transcription or a conversation. */
export interface LiveSession<Event> {
  /**
   * Called when a provider is ready, before any event is read. From here on, the session extends the hold and charges with this
   * meter.
   */
  begin(meter: LiveMeter, held: HeldRoute): void
  open(candidate: Candidate, context: CallContext): AsyncIterable<Event>
  /**
   * Called with each event as soon as it arrives, before the caller reads it. If it throws, the work ends, and the caller gets
   * the error.
   */
  see?(event: Event): Promise<void> | void
  /** Aborts when there is no more input. */
  readonly over: AbortSignal
  /** Aborts when the provider must end an answer before it gets more input. Another signal once it has. */
  readonly owed?: AbortSignal
  /**
   * Called when the work has ended. Stops reading the input and closes its source, even if that is waiting for somebody to speak.
   */
  end(): void
  /** What is still to be charged when the work has ended, given the provider's last report, and whether it came to its end. */
  rest(usage: Usage | undefined, isFinished: boolean): Usage
  /** Why the input ended. By the `caller` if it failed. */
  readonly ending: LiveEnding
  /** What the input, or paying for it, threw. */
  readonly inputFailure: { cause: unknown } | undefined
  /** What paying for the input threw. The caller gets this, and not what the provider made of an input that broke off. */
  readonly paymentFailure: { cause: unknown } | undefined
}

/**
 * Checks that a format has a valid sample rate. The duration, and so the charge, depends on it.
 *
 * @throws {InvalidOptionError} there is no format, or its sample rate is not a number above 0
 */
export function checkSound(name: string, format: SoundFormat | undefined): void {
  if (typeof format !== 'object' || format === null) {
    throw new InvalidOptionError(`${name} is missing: give one such as { encoding: 'mulaw', sampleRate: 8_000 }`)
  }
  const { sampleRate } = format
  if (Number.isFinite(sampleRate) && sampleRate > 0) return
  throw new InvalidOptionError(`${name}.sampleRate must be samples per second above 0, received ${sampleRate}`)
}

/**
 * Checks that a chunk of audio consists of bytes, so that its length tells how much was heard.
 *
 * @throws {InvalidOptionError} the chunk is not a `Uint8Array` or the like
 */
export function checkPiece(name: string, piece: unknown): asserts piece is Uint8Array {
  // Not by `instanceof`: another realm has a `Uint8Array` of its own.
  if (ArrayBuffer.isView(piece) && 'BYTES_PER_ELEMENT' in piece && piece.BYTES_PER_ELEMENT === 1) return
  const kind = Object.prototype.toString.call(piece).slice(8, -1)
  throw new InvalidOptionError(`${name} must bring sound as Uint8Array, received ${kind}`)
}

/**
 * Plans live work, places the hold for its first part, and finds a provider that is ready. If the first part cannot be paid, or
 * costs more than a request may, a smaller one is tried.
 *
 * @param requests  the route requests of the first part and of smaller ones
 */
export function openLive<Event extends StreamEvent>(
  live: LiveParts,
  requests: readonly [RouteRequest, ...RouteRequest[]],
  options: CallOptions,
  session: LiveSession<Event>,
): Promise<LiveStream<Event>> {
  const watch = live.runner.watch(requests[0], { isStream: true })
  return live.runner.track(watch.run(() => openWatched(live, requests, options, session, watch)))
}

async function openWatched<Event extends StreamEvent>(
  { parts, payer, runner }: LiveParts,
  [request, ...smaller]: readonly [RouteRequest, ...RouteRequest[]],
  options: CallOptions,
  session: LiveSession<Event>,
  watch: CallWatch,
): Promise<LiveStream<Event>> {
  const held = await holdOneOf(runner, options, request, smaller)
  watch.held(held)
  const outcome = await attemptStream<Event, Refusal, ProducedCounts>({
    ...runner.attemptOptions(held, options, watch),
    deadlines: parts.liveDeadlines,
    tally: createTally,
    open: watch.opening((candidate: Candidate, context: CallContext) =>
      withinSilence(session.open(candidate, context), {
        over: session.over,
        owed: () => session.owed,
        milliseconds: parts.liveDeadlines.finishMs ?? FINISH_MS,
        provider: candidate.offer.provider,
        inputFailure: () => session.inputFailure,
      }),
    ),
  }).catch((error: unknown) => runner.giveUp(held, error, watch))
  if (outcome.status !== 'succeeded') {
    await settleCall(parts, payer, held, { attempts: outcome.attempts, watch })
    throw failureOf(outcome, request.operation)
  }
  const { value, candidate, attempts, attemptId } = outcome
  const written = new Set([attemptId])
  const settleFailed = async () => {
    for (const attempt of attempts.filter((one) => !written.has(one.attemptId))) {
      written.add(attempt.attemptId)
      await settleFailedAttempt(parts, payer, held, { attempt, watch })
    }
  }
  // Before the hold is extended, because it covers them only until then.
  const after = settleFailed()
  const limit = requestLimit(payer, held.configuration(), candidate.offer)
  let streamId: string | undefined
  const work = routedWork(held, candidate, attemptId, () => streamId)
  const meter = new LiveMeter(parts, payer, { ...work, limit, after })
  session.begin(meter, held)
  const settled = value.ended.then(async (ending) => {
    session.end()
    const finish = async () => {
      // A hedge that lost may have ended since.
      await settleFailed()
      // Kept even if the stream was cut: reconciliation finds the provider's record by this id.
      const requestId = attempts.find((attempt) => attempt.attemptId === attemptId)?.requestId
      const rest = (usage: Usage | undefined) => session.rest(usage, ending.status === 'finished')
      const last = { usage: rest(ending.parts[0].usage), fallback: () => rest(undefined), requestId }
      // Also if the last part cannot be charged: those before it were.
      return meter.finish(last, attempts).finally(() => watch.charged(meter.charged))
    }
    const creditsUsed = await watch.run(() => runner.trackSettlement(finish()))
    watch.end({ outcome: ending.status === 'finished' ? 'succeeded' : ending.status, candidate })
    return { creditsUsed, ...endOf(ending.status, session) }
  })
  parts.background(settled)
  parts.streams.add(() => void value.events.return?.(), value.ended)
  const { provider } = candidate.offer
  const { isSimulated } = candidate.adapter
  // Read even if the caller does not, so that the work is charged when it ends and its hold released.
  const see = (event: Event) => {
    streamId ??= event.requestId
    return session.see?.(event)
  }
  const events = readAhead(value.events, see, (error) => (session.paymentFailure ?? { cause: error }).cause)
  return { provider, isSimulated, balance: held.balance, events, settled }
}

async function holdOneOf(
  runner: CallRunner,
  options: CallOptions,
  request: RouteRequest,
  smaller: readonly RouteRequest[],
): Promise<HeldRoute> {
  try {
    return await runner.hold(request, options, {})
  } catch (error) {
    const [next, ...rest] = smaller
    if (!next || !(isUnaffordable(error) || error instanceof RequestLimitError)) throw error
    return holdOneOf(runner, options, next, rest)
  }
}

/** @param streamId  the provider's id of the whole work, which each part names: the last one may never be written */
function routedWork(held: HeldRoute, candidate: Candidate, attemptId: string, streamId: () => string | undefined): LiveWork {
  const { service, provider, model } = candidate.offer
  return {
    holdId: held.holdId,
    source: { service, provider, model: pricedOffer(candidate.offer, held.route.operation).model, at: held.at },
    model,
    isPatient: true,
    details: (part, attempts) => ({
      ...answerDetails(held, { ...part, candidate, attemptId }, attempts),
      streamId: keepIfShort(streamId()),
    }),
  }
}

function endOf(status: 'finished' | 'cut' | 'left', { ending }: { ending: LiveEnding }): LiveEnding {
  if (status === 'finished') return { endedBy: ending.endedBy, ...(ending.blockedBy && { blockedBy: ending.blockedBy }) }
  // If the input failed, that is what cut the stream.
  return { endedBy: status === 'left' || ending.endedBy === 'caller' ? 'caller' : 'provider' }
}
