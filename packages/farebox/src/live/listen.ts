import { type CallContext, type Quantity, quantity, soundSeconds, type TranscriptEvent, type Usage } from '@farebox/core'
import type { Candidate } from '@farebox/router'
import { isUnreported, isUsage } from '../book-prices.ts'
import { listenRoute, seconds } from '../call-routes.ts'
import { required } from '../call-runner.ts'
import type { HeldRoute } from '../hold-route.ts'
import { safeListener } from '../safe-listener.ts'
import type { ListenInput, LiveStream } from '../workflow-calls.ts'
import type { LiveMeter, Spent } from './live-meter.ts'
import { checkPiece, checkSound, type LiveEnding, type LiveParts, type LiveSession, openLive } from './open-live.ts'
import { PaidTime } from './paid-time.ts'
import { untilStopped } from './until-stopped.ts'

/**
 * Seconds of audio that are paid for in advance, and charged once they were heard. If the account cannot pay for the first, the
 * next smaller one is tried, so that a transcription ends within a second of its last credit.
 */
const PARTS = [60, 10, 1] as const
const LOW_SECONDS = 30

/** Transcribes speech live, for as long as it can be paid. Resolves when a provider is ready to listen. */
export async function listen(live: LiveParts, input: ListenInput): Promise<LiveStream<TranscriptEvent>> {
  checkSound('format', input.format)
  const [first, ...smaller] = PARTS
  const route = (part: number) => listenRoute(part, input.language, input)
  return openLive(
    live,
    [route(first), ...smaller.map(route)],
    input,
    new ListenSession(input, safeListener(input.onLow, live.parts.onError)),
  )
}

/** Tracks how many seconds of audio a transcription has heard and paid for. */
class ListenSession implements LiveSession<TranscriptEvent> {
  readonly #input: ListenInput
  readonly #time: PaidTime
  /** Aborts when the audio has ended, or no more of it is to be read. */
  readonly #over = new AbortController()
  #heard = 0
  #ending: LiveEnding = { endedBy: 'input' }
  #inputFailure: { cause: unknown } | undefined
  #paymentFailure: { cause: unknown } | undefined

  constructor(input: ListenInput, onLow: ListenInput['onLow']) {
    const { lowSeconds = LOW_SECONDS } = input
    this.#input = input
    this.#time = new PaidTime({ parts: PARTS, chargeSeconds: 1, lowSeconds, onLow })
  }

  get ending(): LiveEnding {
    return this.#ending
  }

  begin(meter: LiveMeter, held: HeldRoute): void {
    const paid = PARTS.find((part) => meter.mostOf(seconds(part)) <= held.amount)
    this.#time.begin(meter, held, paid ?? 0)
  }

  open(candidate: Candidate, context: CallContext): AsyncIterable<TranscriptEvent> {
    const { format, language } = this.#input
    const request = { audio: this.#paid(), format, language, model: candidate.offer.model }
    return required(candidate, 'streamTranscription').call(candidate.adapter, request, context)
  }

  get inputFailure(): { cause: unknown } | undefined {
    return this.#inputFailure
  }

  get paymentFailure(): { cause: unknown } | undefined {
    return this.#paymentFailure
  }

  get over(): AbortSignal {
    return this.#over.signal
  }

  end(): void {
    this.#over.abort()
  }

  rest(usage: Usage | undefined): Usage {
    const floor = { quantities: seconds(Math.max(0, this.#heard - this.#time.charged)), certainty: 'floor' as const }
    if (isUnreported(usage)) return floor
    // The meter refuses it, tells the host and charges what was heard.
    if (!isUsage(usage)) return usage
    const reported = usage.quantities.find(({ meter, unit }) => meter === 'duration' && unit === 'seconds')
    if (!reported) return floor
    const left = reported.quantity - quantity(this.#time.charged)
    const others = usage.quantities.filter((one) => one !== reported)
    return { ...usage, quantities: [{ ...reported, quantity: (left > 0n ? left : 0n) as Quantity }, ...others] }
  }

  /** Yields the audio for as long as it is paid for. */
  async *#paid(): AsyncGenerator<Uint8Array, void, undefined> {
    const { audio, format } = this.#input
    const pieces = audio[Symbol.asyncIterator]()
    try {
      for await (const piece of untilStopped(pieces, this.#over.signal)) {
        checkPiece('audio', piece)
        const heard = this.#heard + soundSeconds(piece.length, format)
        const spent = heard > this.#time.covered ? await this.#cover(heard) : undefined
        if (spent) {
          this.#ending = { endedBy: spent.reason, blockedBy: spent.blockedBy }
          return
        }
        this.#heard = heard
        this.#time.warn(heard)
        yield piece
      }
    } catch (error) {
      this.#ending = { endedBy: 'caller' }
      this.#inputFailure = { cause: error }
      throw error
    } finally {
      this.#over.abort()
      // Not awaited: the source may be waiting for somebody to speak.
      pieces.return?.().catch(() => {})
    }
  }

  #cover(until: number): Promise<Spent | undefined> {
    return this.#time.cover(this.#heard, until).catch((error: unknown) => {
      this.#paymentFailure = { cause: error }
      throw error
    })
  }
}
