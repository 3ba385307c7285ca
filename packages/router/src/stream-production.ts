import { type ProviderError, steadyClock } from '@farebox/core'
import { wasShort } from './deadlines.ts'
import { startTimer } from './leash.ts'
import { type OpenedStream, stop } from './open-stream.ts'
import { drainMsOf, type ProductionParts, tellSeam } from './production-parts.ts'
import { deadlineError, leftError } from './provider-failure.ts'
import { StreamCutError, type StreamEnding, type StreamEvent, type StreamPart, type StreamParts } from './stream-ending.ts'
import { LivePart, type PartEnd } from './stream-part.ts'
import { read } from './stream-source.ts'
import { UnreadEvents } from './unread-events.ts'

/**
 * Reads what one provider after another produces, and ends the stream exactly once: at a finish, at a cut that no candidate
 * continues, or when the caller or consumer leaves. It reads only on demand, except to drain.
 */
export class StreamProduction<Event extends StreamEvent, Produced> {
  readonly ended: Promise<StreamEnding<Event, Produced>>
  ending: StreamEnding<Event, Produced> | undefined
  readonly #parts: ProductionParts<Event, Produced>
  readonly #resolve: (ending: StreamEnding<Event, Produced>) => void
  readonly #done: StreamPart<Produced>[] = []
  /** The part that the provider is producing. `undefined` while looking for another candidate, and after the end. */
  #live: LivePart<Event, Produced> | undefined
  /** The part that the consumer is reading. */
  #read: LivePart<Event, Produced>
  readonly #unread: UnreadEvents<Event>
  /** Until when to drain the provider after the consumer left, by {@link steadyClock}. */
  #drainsUntil: number | undefined
  /** Whether the stream is looking for another candidate to continue. */
  #isLooking = false
  #step: Promise<void> | undefined
  /** When the provider was last asked for an event, by {@link steadyClock}. */
  #askedAt = 0
  #wake: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout>

  constructor(opened: OpenedStream<Event>, parts: ProductionParts<Event, Produced>) {
    const { promise, resolve } = Promise.withResolvers<StreamEnding<Event, Produced>>()
    this.#parts = parts
    this.#resolve = resolve
    this.ended = promise
    this.#live = new LivePart(opened, parts.tally)
    this.#read = this.#live
    this.#unread = new UnreadEvents(opened.waiting)
    // A consumer that reads slowly, or not at all, must not keep the provider beyond the overall deadline.
    this.#timer = startTimer(parts.run.msLeft, () => this.#expire())
    parts.run.signal.addEventListener('abort', this.leave)
    if (parts.run.signal.aborted) this.leave()
    else this.#endIfFinish(this.#live, opened.waiting.at(-1))
  }

  /** Whether the consumer will get no events beyond those already read from the provider. */
  get isOver(): boolean {
    return this.ending !== undefined || this.#drainsUntil !== undefined
  }

  /** The next event that was produced and not yet taken, or `undefined`. */
  take(): Event | undefined {
    const event = this.#unread.take()
    if (event !== undefined) this.#read.deliver(event)
    return event
  }

  /** Reads on. Resolves when there may be an event to take, or the stream is over. */
  more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#advance().then(resolve)
    })
  }

  /** Called when the consumer leaves. */
  readonly leave = (): void => {
    if (this.isOver) return
    const { run } = this.#parts
    const drainMs = this.#live ? Math.min(drainMsOf(this.#parts, this.#live), run.msLeft) : 0
    if (!(drainMs > 0)) {
      this.#endLeft()
      return
    }
    this.#drainsUntil = steadyClock() + drainMs
    clearTimeout(this.#timer)
    this.#timer = startTimer(drainMs, () => this.#endLeft())
    this.#wake?.()
    void this.#drain()
  }

  /** The error for a consumer that reads on after its caller left. */
  errorOfLeaving(): StreamCutError<Produced> {
    const parts = this.#live ? [...this.#done, this.#live.describe({ outcome: 'left' })] : this.#done
    return new StreamCutError({ error: leftError(this.#read.candidate), parts: parts as unknown as StreamParts<Produced> })
  }

  #advance(): Promise<void> {
    this.#step ??= this.#readOne()
    return this.#step
  }

  async #readOne(): Promise<void> {
    const live = this.#live
    if (live) {
      const { run } = this.#parts
      const { deadlines, route } = run.options
      const { leash, source } = live.opened
      this.#askedAt = steadyClock()
      const leftMs = this.#drainsUntil === undefined ? run.msLeft : this.#drainsUntil - steadyClock()
      // When time is up, nothing more is asked for: the provider would take another piece of live input, which is charged.
      const step = leftMs > 0 ? source.next() : new Promise<never>(() => {})
      const settled = await leash.wait(step, Math.min(deadlines.betweenEventsMs, leftMs))
      // If something else ended the stream during the wait, ignore this event.
      if (!this.ending) {
        const next = read(settled, live.candidate, route.operation, 'next event')
        if (next.status === 'event') this.#produce(live, next.event)
        else if (next.status === 'failed') {
          const isOurs = settled.status === 'deadline' && this.#wasProducing
          await this.#fail(live, next.error, isOurs)
        } else this.#endLeft()
      }
    }
    this.#step = undefined
  }

  async #drain(): Promise<void> {
    while (!this.ending) await this.#advance()
  }

  #produce(live: LivePart<Event, Produced>, event: Event): void {
    live.produce(event)
    if (this.#drainsUntil === undefined) this.#unread.add(event)
    this.#endIfFinish(live, event)
  }

  #endIfFinish(live: LivePart<Event, Produced>, event: Event | undefined): void {
    if (event?.type !== 'finish') return
    const { usage, requestId } = event
    if (this.#drainsUntil !== undefined) {
      this.#endLeft({ usage, requestId, isComplete: true })
      return
    }
    this.#endPart(live, { outcome: 'succeeded', usage, requestId })
    this.#end({ status: 'finished', finish: event, parts: this.#finalParts })
  }

  /** Whether the provider, which has just been given up at a deadline, had been silent for too short to be ill: the answer was long. */
  get #wasProducing(): boolean {
    const { deadlines } = this.#parts.run.options
    return wasShort(steadyClock() - this.#askedAt, deadlines.betweenEventsMs, deadlines)
  }

  async #fail(live: LivePart<Event, Produced>, error: ProviderError, isOurs: boolean): Promise<void> {
    if (this.#drainsUntil !== undefined) {
      // At the cap, draining stops on our side, so the provider is not to blame.
      const isCapped = steadyClock() >= this.#drainsUntil
      this.#endLeft(isCapped ? {} : { error, usage: error.usage })
      return
    }
    this.#endPart(live, { outcome: 'cut', error, usage: error.usage, isOurs })
    this.#isLooking = true
    const opened = await this.#parts.continueAfter([...this.#done]).catch(() => undefined)
    this.#isLooking = false
    if (this.ending) {
      // The caller or consumer left, or time ran out, while looking for another candidate.
      if (opened) {
        stop(opened.leash, opened.source)
        // It may have answered with nothing but a finish, and said what that used.
        const { usage, requestId } = opened.waiting.at(-1) ?? {}
        opened.plan.finish({ outcome: 'left', usage, requestId })
      }
      this.#resolve(this.ending)
    } else if (opened) this.#continueWith(opened, error)
    else this.#endCut(error)
  }

  #continueWith(opened: OpenedStream<Event>, error: ProviderError): void {
    const from = this.#done.at(-1)
    const live = new LivePart(opened, this.#parts.tally)
    this.#live = live
    this.#read = live
    this.#unread.add(...opened.waiting)
    if (from) tellSeam(this.#parts, { from, to: { candidate: live.candidate, attemptId: opened.plan.attemptId }, error })
    this.#endIfFinish(live, opened.waiting.at(-1))
  }

  #expire(): void {
    const { operation } = this.#parts.run.options.route
    const cut = this.#live ? undefined : this.#done.at(-1)?.error
    // Without a read in progress, the consumer was slow, not the provider.
    const isOurs = this.#step === undefined || this.#wasProducing
    this.#endCut(cut ?? deadlineError(this.#read.candidate, operation, 'end of the stream'), isOurs)
  }

  #endCut(error: ProviderError, isOurs = false): void {
    if (this.#live) this.#endPart(this.#live, { outcome: 'cut', error, usage: error.usage, isOurs })
    const parts = this.#finalParts
    this.#end({ status: 'cut', error: new StreamCutError({ error, parts }), parts })
  }

  #endLeft(end: Omit<PartEnd, 'outcome'> = {}): void {
    if (this.#live) this.#endPart(this.#live, { outcome: 'left', ...end })
    this.#end({ status: 'left', isDrained: end.isComplete ?? false, parts: this.#finalParts })
  }

  #endPart(live: LivePart<Event, Produced>, end: PartEnd): void {
    this.#live = undefined
    this.#done.push(live.end(end))
  }

  /** Ends the stream at once, so that what was produced is accounted even if the consumer never reads on. */
  #end(ending: StreamEnding<Event, Produced>): void {
    const { run } = this.#parts
    this.ending = ending
    clearTimeout(this.#timer)
    run.signal.removeEventListener('abort', this.leave)
    if (this.#isLooking) run.leave()
    else this.#resolve(ending)
    run.close()
    this.#wake?.()
  }

  get #finalParts(): StreamParts<Produced> {
    return this.#done as unknown as StreamParts<Produced>
  }
}
