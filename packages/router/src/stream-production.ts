import { ProviderError } from '@farebox/core'
import { TIMER_MS_MAX } from './leash.ts'
import { type OpenedStream, stop } from './open-stream.ts'
import type { ProductionParts } from './production-parts.ts'
import { deadlineError } from './provider-failure.ts'
import { StreamCutError, type StreamEnding, type StreamEvent, type StreamPart, type StreamParts } from './stream-ending.ts'
import { LivePart, type PartEnd } from './stream-part.ts'
import { read } from './stream-source.ts'

/**
 * Reads what providers produce, one after another if need be, and sees to the ending, which comes once: by a finish, by a cut that
 * nobody continues, or by somebody leaving. It reads when it is told to, and by itself only to drain.
 */
export class StreamProduction<Event extends StreamEvent, Produced> {
  readonly ended: Promise<StreamEnding<Event, Produced>>
  ending: StreamEnding<Event, Produced> | undefined
  readonly #parts: ProductionParts<Event, Produced>
  readonly #resolve: (ending: StreamEnding<Event, Produced>) => void
  readonly #done: StreamPart<Produced>[] = []
  /** What is being produced; `undefined` while another candidate is looked for, and after the end. */
  #live: LivePart<Event, Produced> | undefined
  /** What the consumer reads. */
  #read: LivePart<Event, Produced>
  #unread: Event[]
  #next = 0
  /** Until when the provider is heard though the consumer has left, epoch milliseconds. */
  #drainsUntil: number | undefined
  /** Another candidate is being looked for, to continue. */
  #isLooking = false
  #step: Promise<void> | undefined
  #wake: (() => void) | undefined
  #timer: ReturnType<typeof setTimeout>

  constructor(opened: OpenedStream<Event>, parts: ProductionParts<Event, Produced>) {
    const { promise, resolve } = Promise.withResolvers<StreamEnding<Event, Produced>>()
    this.#parts = parts
    this.#resolve = resolve
    this.ended = promise
    this.#live = new LivePart(opened, parts.tally)
    this.#read = this.#live
    this.#unread = [...opened.waiting]
    // A consumer that reads slowly, or not at all, must not hold the provider beyond the deadline of the whole.
    this.#timer = this.#after(parts.run.msLeft, () => this.#expire())
    parts.run.signal.addEventListener('abort', this.leave)
    if (parts.run.signal.aborted) this.leave()
    else this.#endIfFinish(this.#live, opened.waiting.at(-1))
  }

  /** Whether nothing more is to be read than what was read already. */
  get isOver(): boolean {
    return this.ending !== undefined || this.#drainsUntil !== undefined
  }

  /** The next event that was produced and not yet taken. */
  take(): Event | undefined {
    const event = this.#unread[this.#next]
    if (event === undefined) return undefined
    this.#next += 1
    if (this.#next === this.#unread.length) {
      this.#unread.length = 0
      this.#next = 0
    }
    this.#read.deliver(event)
    return event
  }

  /** Reads on. Resolves when there is something to take, or it is over. */
  more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#advance().then(resolve)
    })
  }

  /** The consumer leaves. */
  readonly leave = (): void => {
    if (this.isOver) return
    const { run } = this.#parts
    const drainMs = Math.min(this.#drainMs(), run.msLeft)
    if (!(drainMs > 0)) {
      this.#endLeft()
      return
    }
    this.#drainsUntil = run.options.clock() + drainMs
    clearTimeout(this.#timer)
    this.#timer = this.#after(drainMs, () => this.#endLeft())
    this.#wake?.()
    void this.#drain()
  }

  /** What a consumer is told whose caller has left. */
  errorOfLeaving(): StreamCutError<Produced> {
    const { provider } = this.#read.candidate.offer
    const error = new ProviderError(`${provider}: the caller left`, { provider, kind: 'aborted' })
    const parts = this.#live ? [...this.#done, this.#live.describe({ outcome: 'left' })] : this.#done
    return new StreamCutError({ error, parts: parts as unknown as StreamParts<Produced> })
  }

  #advance(): Promise<void> {
    this.#step ??= this.#readOne()
    return this.#step
  }

  async #readOne(): Promise<void> {
    const live = this.#live
    if (live) {
      const { run } = this.#parts
      const { deadlines, clock, route } = run.options
      const { leash, source } = live.opened
      const leftMs = this.#drainsUntil === undefined ? run.msLeft : this.#drainsUntil - clock()
      const settled = await leash.wait(source.next(), Math.min(deadlines.betweenEventsMs, leftMs))
      // Whatever ended the stream while it was waited for has the last word.
      if (!this.ending) {
        const next = read(settled, live.candidate, route.operation, 'next event')
        if (next.status === 'event') this.#produce(live, next.event)
        else if (next.status === 'failed') await this.#fail(live, next.error)
        else this.#endLeft()
      }
    }
    this.#step = undefined
  }

  async #drain(): Promise<void> {
    while (!this.ending) await this.#advance()
  }

  #produce(live: LivePart<Event, Produced>, event: Event): void {
    live.produce(event)
    if (this.#drainsUntil === undefined) this.#unread.push(event)
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

  async #fail(live: LivePart<Event, Produced>, error: ProviderError): Promise<void> {
    if (this.#drainsUntil !== undefined) {
      this.#endLeft({ error, usage: error.usage })
      return
    }
    this.#endPart(live, { outcome: 'cut', error, usage: error.usage })
    this.#isLooking = true
    const opened = await this.#parts.continueAfter([...this.#done]).catch(() => undefined)
    this.#isLooking = false
    if (this.ending) {
      // Somebody left, or time ran out, while another candidate was looked for.
      if (opened) {
        stop(opened.leash, opened.source)
        opened.plan.finish({ outcome: 'left' })
      }
      this.#resolve(this.ending)
    } else if (opened) this.#continueWith(opened, error)
    else this.#endCut(error)
  }

  #continueWith(opened: OpenedStream<Event>, error: ProviderError): void {
    const live = new LivePart(opened, this.#parts.tally)
    const from = this.#done.at(-1)
    this.#live = live
    this.#read = live
    this.#unread.push(...opened.waiting)
    try {
      if (from) this.#parts.onContinued({ from, to: { candidate: live.candidate, attemptId: opened.plan.attemptId }, error })
    } catch {
      // An observer that fails must not cut a stream that goes on.
    }
    this.#endIfFinish(live, opened.waiting.at(-1))
  }

  #expire(): void {
    const error = this.#done.at(-1)?.error
    this.#endCut(
      this.#live || !error
        ? deadlineError(this.#read.candidate, this.#parts.run.options.route.operation, 'end of the stream')
        : error,
    )
  }

  #endCut(error: ProviderError): void {
    if (this.#live) this.#endPart(this.#live, { outcome: 'cut', error, usage: error.usage })
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

  /** Everything is written down at once, so what was produced is accounted though nobody reads on. */
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

  #drainMs(): number {
    if (!this.#live) return 0
    const { candidate, produced } = this.#live.describe({ outcome: 'left' })
    try {
      return this.#parts.drain({ candidate, produced })
    } catch {
      return 0
    }
  }

  #after(milliseconds: number, work: () => void): ReturnType<typeof setTimeout> {
    return setTimeout(work, Math.min(Math.max(0, milliseconds), TIMER_MS_MAX))
  }
}
