import { type CallContext, type Clock, type Offer, ProviderError, type Service, type Usage } from '@farebox/core'
import { type Call, openCall, signalError } from '../adapter/call.ts'
import { fingerprint } from './fingerprint.ts'
import { type Fate, fateOf, type SimulatedFailures } from './simulated-failure.ts'
import { latencyOf, type SimulatedLatency } from './simulated-latency.ts'
import type { ServedRecord, SimulatedRecords } from './simulated-records.ts'

/** Settings that all simulated calls share. */
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

/** The offer that a call needs: one of these services, and this model where it matters. */
export interface Asked {
  services: readonly Service[]
  model?: string
}

/** An answer that streams in parts. */
export interface PartedWork<Part, Finish> {
  parts: Iterable<Part> | AsyncIterable<Part>
  /** The usage after this many parts. */
  usageAfter(parts: number): Usage | undefined
  /** Makes the last event, after all parts. */
  finish(): Finish
  /** The total usage, for the records. @defaultValue the usage of the last event, or {@link usageAfter} if the call broke off */
  used?(): Usage | undefined
}

/** A call that has begun, with its planned outcome. */
export interface Begun {
  call: Call
  fate: Fate
  /** The unique id of this request. */
  requestId: string
  remember(record: Partial<ServedRecord>): void
  /** Waits for the time between two parts. */
  pause(part: number): Promise<void> | undefined
}

/** Runs simulated calls: finds each one's offer and fate, waits out its latency and records what it served. */
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
      // A plain answer arrives whole or not at all, so a failure after any number of parts strikes before it.
      const outcome = begun.fate.afterParts(Number.POSITIVE_INFINITY)
      // The caller cannot know whether the provider served this call. It did, so the records show it.
      if (outcome instanceof ProviderError && outcome.kind === 'outcome_unknown') begun.remember(recordOf(work(begun)))
      await strike(begun, Number.POSITIVE_INFINITY)
      const answer = work(begun)
      begun.remember(recordOf(answer))
      return begun.fate.reportsUsage ? answer : withoutUsage(answer)
    } finally {
      call.end()
    }
  }

  /** Yields the parts of one call, then its last event if nothing failed. */
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
      // A failure planned for more parts than there are strikes before the end.
      await strike(begun, Number.POSITIVE_INFINITY, soFar)
      const finish = answer.finish()
      begun.remember({ usage: answer.used?.() ?? finish.usage })
      answer = undefined
      yield begun.fate.reportsUsage ? finish : withoutUsage(finish)
    } catch (thrown) {
      throw context.signal.aborted ? signalError(name, context.signal, { usage: soFar() }) : thrown
    } finally {
      // The call broke off: a provider would bill the parts that it delivered.
      if (answer && count > 0) begun?.remember({ usage: answer.used?.() ?? soFar() })
      call.end()
    }
  }

  return { plain, parted }
}

/** Throws the failure that is due after this many parts, or the caller's abort. A stall waits for that abort. */
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
