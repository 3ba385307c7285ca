import { type CallContext, type Quantity, quantity, soundSeconds, type TranscriptEvent, type Usage } from '@farebox/core'
import type { Candidate } from '@farebox/router'
import { listenRoute, seconds } from '../call-routes.ts'
import { required } from '../call-runner.ts'
import type { HeldRoute } from '../hold-route.ts'
import type { ListenInput, LiveEnd, LiveStream } from '../workflow-calls.ts'
import type { LiveMeter } from './live-meter.ts'
import { type LiveParts, type LiveSession, openLive } from './open-live.ts'

/** Sound is paid for in advance by this much, and charged when that much more was heard. */
const PART_SECONDS = 60
/** Where that cannot be paid, less is tried, so that a call is cut within a second of its last credit. */
const SMALLER_PARTS = [10, 1] as const
/** A provider may count a little less than was sent, and what was charged too much would have to be given back. */
const LAG_SECONDS = 5
const LOW_SECONDS = 30

/** Transcribes speech while it is heard, for as long as it can be paid. Resolves when a provider is ready to hear. */
export function listen(live: LiveParts, input: ListenInput): Promise<LiveStream<TranscriptEvent>> {
  const route = (part: number) => listenRoute(part, input.language, input)
  return openLive(live, [route(PART_SECONDS), ...SMALLER_PARTS.map(route)], input, new ListenSession(input))
}

/** How far one transcription has come, in seconds of its sound. */
class ListenSession implements LiveSession<TranscriptEvent> {
  readonly #input: ListenInput
  #meter: LiveMeter | undefined
  #heard = 0
  /** The hold pays for the sound until here. */
  #covered = 0
  #charged = 0
  /** All credits that are left pay for the sound until here. */
  #affordable = Number.POSITIVE_INFINITY
  #isWarned = false
  #endedBy: LiveEnd = 'input'

  constructor(input: ListenInput) {
    this.#input = input
  }

  get endedBy(): LiveEnd {
    return this.#endedBy
  }

  begin(meter: LiveMeter, { amount, affordable }: HeldRoute): void {
    this.#meter = meter
    const second = meter.priceOf(seconds(PART_SECONDS * 10))
    this.#covered = secondsFor(amount, second)
    this.#affordable = secondsFor(amount + affordable, second)
  }

  open(candidate: Candidate, context: CallContext): AsyncIterable<TranscriptEvent> {
    const { format, language } = this.#input
    const request = { audio: this.#paid(), format, language, model: candidate.offer.model }
    return required(candidate, 'streamTranscription').call(candidate.adapter, request, context)
  }

  rest(usage: Usage | undefined): Usage {
    const reported = usage?.quantities.find(({ meter, unit }) => meter === 'duration' && unit === 'seconds')
    if (!usage || !reported) return { quantities: seconds(Math.max(0, this.#heard - this.#charged)), certainty: 'floor' }
    const left = reported.quantity - quantity(this.#charged)
    const others = usage.quantities.filter((one) => one !== reported)
    return { ...usage, quantities: [{ ...reported, quantity: (left > 0n ? left : 0n) as Quantity }, ...others] }
  }

  /** The sound, for as long as it is paid. */
  async *#paid(): AsyncGenerator<Uint8Array, void, undefined> {
    const { audio, format } = this.#input
    for await (const piece of audio) {
      const heard = this.#heard + soundSeconds(piece.length, format)
      if (heard > this.#covered && !(await this.#goOn(heard))) {
        this.#endedBy = 'credits'
        return
      }
      this.#heard = heard
      this.#warn()
      yield piece
    }
  }

  /** Charges what was heard, and pays for what comes next. */
  async #goOn(heard: number): Promise<boolean> {
    const meter = this.#meter
    if (!meter) return false
    const due = Math.floor(this.#heard - LAG_SECONDS)
    if (due > this.#charged) {
      await meter.charge({ usage: { quantities: seconds(due - this.#charged), certainty: 'derived' } })
      this.#charged = due
    }
    for (const part of [PART_SECONDS, ...SMALLER_PARTS]) {
      const outcome = await meter.cover(seconds(heard + part - this.#charged))
      if (outcome.status !== 'held') continue
      this.#covered = heard + part
      this.#affordable = this.#covered + secondsFor(outcome.affordable, meter.priceOf(seconds(PART_SECONDS * 10)))
      return true
    }
    return false
  }

  #warn(): void {
    const { lowSeconds = LOW_SECONDS, onLow } = this.#input
    const secondsLeft = this.#affordable - this.#heard
    if (this.#isWarned || secondsLeft >= lowSeconds) return
    this.#isWarned = true
    onLow?.({ secondsLeft })
  }
}

/** How long an amount lasts, at what ten parts cost: over so much, rounding up does not matter. */
function secondsFor(amount: bigint, tenParts: bigint): number {
  return tenParts > 0n ? Number((amount * 1_000n * BigInt(PART_SECONDS * 10)) / tenParts) / 1_000 : Number.POSITIVE_INFINITY
}
