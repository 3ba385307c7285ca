import { type CallContext, type Clock, type Offer, ProviderError, type Service, type Usage } from '@farebox/core'
import { type Call, openCall, signalError } from '../adapter/call.ts'
import { fingerprint } from './fingerprint.ts'
import { type Fate, fateOf, type SimulatedFailures } from './simulated-failure.ts'
import { latencyOf, type SimulatedLatency } from './simulated-latency.ts'
import type { ServedRecord, SimulatedRecords } from './simulated-records.ts'

/** What all simulated calls go by. */
export interface EngineOptions {
  name: string
  seed: number
  offers: readonly Offer[]
  failures: SimulatedFailures
  latencyMs: SimulatedLatency
  betweenPartsMs: SimulatedLatency
  sleep: (milliseconds: number) => Promise<void>
  now: Clock
  records: SimulatedRecords
}

/** What a call asks for: an offer of one of these services, of this model where it matters. */
export interface Asked {
  services: readonly Service[]
  model?: string
}

/** An answer in parts. */
export interface PartedWork<Part, Finish> {
  parts: Iterable<Part> | AsyncIterable<Part>
  /** What was used when so many parts had been handed out. */
  usageAfter(parts: number): Usage | undefined
  /** The last event, once all parts were handed out. */
  finish(): Finish
  /** All that was used, for the records. @defaultValue what the last event tells, or what {@link usageAfter} does */
  used?(): Usage | undefined
}

/** A call that has begun: when, of which offer, and what is to become of it. */
export interface Begun {
  call: Call
  fate: Fate
  /** The id of this request, unlike that of any other. */
  requestId: string
  remember(record: Partial<ServedRecord>): void
  /** Lets the time between two parts pass. */
  pause(part: number): Promise<void> | undefined
}

/** Makes simulated calls: finds their offer and their fate, lets their time pass, and remembers what was served. */
export function createEngine(options: EngineOptions) {
  const { name, seed, offers, failures, latencyMs, betweenPartsMs, sleep, now, records } = options
  const callsByPair = new Map<Offer, number>()

  async function begin({ services, model }: Asked, { attemptId }: CallContext, call: Call): Promise<Begun> {
    const offer = offers.find(
      (candidate) => services.includes(candidate.service) && (model === undefined || candidate.model === model),
    )
    if (!offer) {
      const message = `${name} sells no ${services.join(' or ')} ${model ?? ''}`
      throw new ProviderError(message, { provider: name, kind: 'model_not_found' })
    }
    const callsBefore = callsByPair.get(offer) ?? 0
    callsByPair.set(offer, callsBefore + 1)
    const fate = fateOf(failures, { offer, attemptId, callsBefore }, name)
    const occasion = `${offer.service} ${offer.provider} ${callsBefore}`
    const at = now()
    const wait = (latency: SimulatedLatency, part: number): Promise<void> | undefined => {
      const milliseconds = typeof latency === 'number' ? latency : latencyOf(latency, seed, `${occasion} ${part}`)
      if (milliseconds > 0) return call.race(sleep(milliseconds))
      call.throwIfAborted()
      return undefined
    }
    await wait(latencyMs, 0)
    const requestId = ['sim', fingerprint(seed, `${attemptId} ${occasion}`).toString(16).padStart(8, '0')].join('_')
    return {
      call,
      fate,
      requestId,
      remember: (record) => records.add({ requestId, service: offer.service, at, ...record }),
      pause: (part) => wait(betweenPartsMs, part),
    }
  }

  /** Runs `work` as one call without parts. */
  async function plain<T extends { usage?: Usage }>(
    asked: Asked,
    context: CallContext,
    work: (begun: Begun) => T,
    recordOf: (answer: T) => Partial<ServedRecord> = ({ usage }) => ({ usage }),
  ): Promise<T> {
    const call = openCall(name, context.signal)
    try {
      const begun = await begin(asked, context, call)
      // A plain answer comes whole or not at all, so any number of parts is one too many.
      const outcome = begun.fate.afterParts(Number.POSITIVE_INFINITY)
      // Nobody knows that this call was made, but it was, and the records say so.
      if (outcome instanceof ProviderError && outcome.kind === 'outcome_unknown') begun.remember(recordOf(work(begun)))
      await strike(begun, Number.POSITIVE_INFINITY)
      const answer = work(begun)
      begun.remember(recordOf(answer))
      return begun.fate.reportsUsage ? answer : withoutUsage(answer)
    } finally {
      call.end()
    }
  }

  /** Hands out the parts of one call, and its last event when all went well. */
  async function* parted<Part, Finish extends { usage?: Usage }>(
    asked: Asked,
    context: CallContext,
    work: (begun: Begun) => PartedWork<Part, Finish>,
  ) {
    const call = openCall(name, context.signal)
    let count = 0
    let begun: Begun | undefined
    let answer: PartedWork<Part, Finish> | undefined
    const soFar = () => (count === 0 ? undefined : answer?.usageAfter(count))
    try {
      begun = await begin(asked, context, call)
      await strike(begun, 0)
      answer = work(begun)
      for await (const part of answer.parts) {
        if (count > 0) await begun.pause(count)
        count += 1
        yield begun.fate.reportsUsage ? part : withoutUsage(part)
        await strike(begun, count, soFar)
      }
      // A failure that was to come after more parts than there are still comes before the end.
      await strike(begun, Number.POSITIVE_INFINITY, soFar)
      const finish = answer.finish()
      begun.remember({ usage: answer.used?.() ?? finish.usage })
      answer = undefined
      yield begun.fate.reportsUsage ? finish : withoutUsage(finish)
    } catch (thrown) {
      throw context.signal.aborted ? signalError(name, context.signal, { usage: soFar() }) : thrown
    } finally {
      // Broken off: what was handed out is what a provider would bill.
      if (answer && count > 0) begun?.remember({ usage: answer.used?.() ?? soFar() })
      call.end()
    }
  }

  return { plain, parted }
}

/** Lets a failure happen that is due after this many parts, and the caller's abort. */
async function strike({ call, fate }: Begun, partsBefore: number, usage?: () => Usage | undefined): Promise<void> {
  const outcome = fate.afterParts(partsBefore, usage)
  if (outcome === 'stall') await call.race(new Promise<never>(() => {}))
  call.throwIfAborted()
  if (outcome !== 'continue' && outcome !== 'stall') throw outcome
}

function withoutUsage<Event>(event: Event): Event {
  if (typeof event !== 'object' || event === null || !('usage' in event)) return event
  const { usage: _, ...rest } = event
  return rest as Event
}
