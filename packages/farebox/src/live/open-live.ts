import { type CallContext, InvalidOptionError, type SoundFormat, type Usage } from '@farebox/core'
import type { Refusal } from '@farebox/ledger'
import {
  attemptStream,
  type Candidate,
  createTally,
  type ProducedCounts,
  type RouteRequest,
  type StreamEvent,
} from '@farebox/router'
import type { CallRunner, RunnerParts } from '../call-runner.ts'
import { InsufficientCreditsError, RequestLimitError } from '../errors.ts'
import { failureOf } from '../failure-of.ts'
import type { HeldRoute, Payer } from '../hold-route.ts'
import { answerDetails, settleCall, settleLost } from '../settle-call.ts'
import type { CallWatch } from '../telemetry/watch-call.ts'
import type { CallOptions, LiveEnd, LiveStream } from '../workflow-calls.ts'
import { liveLimit } from './live-limit.ts'
import { LiveMeter, type LiveWork } from './live-meter.ts'
import { readAhead } from './read-ahead.ts'
import { withinSilence } from './within-silence.ts'

/** How long a provider may be silent after the end of its input. What was said last is written down within a second or two. */
const FINISH_MS = 30_000

/** What live work of a workflow is given. */
export interface LiveParts {
  parts: RunnerParts
  payer: Payer
  runner: CallRunner
}

/** The side of live work that knows what it is about. */
export interface LiveSession<Event> {
  /** Called when a provider is ready, before anything is read: from here on it feeds, covers and charges by this meter. */
  begin(meter: LiveMeter, held: HeldRoute): void
  open(candidate: Candidate, context: CallContext): AsyncIterable<Event>
  /** Sees each event before the caller does, as soon as it is there. Where that fails, the work ends, and the caller is told when it comes to it. */
  see?(event: Event): Promise<void> | void
  /** Fires when there is no more input. */
  readonly over: AbortSignal
  /** Called when it has ended: nothing more of its input is read, and the source of that is closed, also where it waits for somebody to speak. */
  end(): void
  /** What is still to be charged when it has ended, by what the provider reported last. */
  rest(usage: Usage | undefined): Usage
  /** Why its input ended: `caller` where that failed. */
  readonly endedBy: LiveEnd
}

/**
 * Makes sure that a format tells how long sound is: by that it is charged.
 *
 * @throws {InvalidOptionError} its rate is none
 */
export function checkSound(name: string, { sampleRate }: SoundFormat): void {
  if (Number.isFinite(sampleRate) && sampleRate > 0) return
  throw new InvalidOptionError(`${name}.sampleRate must be samples per second above 0, received ${sampleRate}`)
}

/**
 * Makes sure that a piece of sound has as many bytes as it says it is long: of any other kind nobody would know how much was heard.
 *
 * @throws {InvalidOptionError} it is not bytes
 */
export function checkPiece(name: string, piece: unknown): asserts piece is Uint8Array {
  // By its shape: another realm has a `Uint8Array` of its own.
  if (ArrayBuffer.isView(piece) && 'BYTES_PER_ELEMENT' in piece && piece.BYTES_PER_ELEMENT === 1) return
  const kind = Object.prototype.toString.call(piece).slice(8, -1)
  throw new InvalidOptionError(`${name} must bring sound as Uint8Array, received ${kind}`)
}

/**
 * Plans live work, pays for its first part, and finds a provider for it. Where the first part cannot be paid, or is more than a request may
 * cost, a smaller one is tried.
 *
 * @param requests  the first part, and smaller ones
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
        milliseconds: parts.liveDeadlines.finishMs ?? FINISH_MS,
        provider: candidate.offer.provider,
      }),
    ),
  }).catch((error: unknown) => runner.giveUp(held, error))
  if (outcome.status !== 'succeeded') {
    await settleCall(parts, payer, held, outcome)
    throw failureOf(outcome, request.operation)
  }
  const { value, candidate, attempts, attemptId } = outcome
  const limit = liveLimit(payer, held.configuration(), candidate.offer)
  const meter = new LiveMeter(parts, payer, { ...routedWork(held, candidate, attemptId), limit })
  session.begin(meter, held)
  const settled = value.ended.then(async (ending) => {
    session.end()
    const finish = async () => {
      for (const attempt of attempts) if (attempt.attemptId !== attemptId) await settleLost(parts, payer, held, attempt)
      // Of one that was cut too, where its provider said so: by that its own records are found.
      const requestId = attempts.find((attempt) => attempt.attemptId === attemptId)?.requestId
      const fallback = () => session.rest(undefined)
      return meter.finish({ usage: session.rest(ending.parts[0].usage), fallback, requestId }, attempts)
    }
    const creditsUsed = await watch.run(() => runner.track(finish()))
    watch.end({ outcome: ending.status === 'finished' ? 'succeeded' : ending.status, candidate, creditsUsed })
    return { creditsUsed, endedBy: endOf(ending.status, session) }
  })
  parts.background(settled)
  parts.streams.add(() => void value.events.return?.(), value.ended)
  const { provider } = candidate.offer
  const { isSimulated } = candidate.adapter
  // Read also where nobody reads: what has ended is charged, and its hold is let go.
  const events = readAhead(value.events, (event) => session.see?.(event))
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
    if (!next || !(error instanceof InsufficientCreditsError || error instanceof RequestLimitError)) throw error
    return holdOneOf(runner, options, next, rest)
  }
}

function routedWork(held: HeldRoute, candidate: Candidate, attemptId: string): LiveWork {
  const { service, provider, model, liveModel = model } = candidate.offer
  return {
    holdId: held.holdId,
    source: { service, provider, model: liveModel, at: held.at },
    model,
    details: (part, attempts) => answerDetails(held, { ...part, candidate, attemptId }, attempts),
  }
}

function endOf(status: 'finished' | 'cut' | 'left', session: { endedBy: LiveEnd }): LiveEnd {
  if (status === 'finished') return session.endedBy
  // Where its input failed, that cut it.
  return status === 'left' || session.endedBy === 'caller' ? 'caller' : 'provider'
}
