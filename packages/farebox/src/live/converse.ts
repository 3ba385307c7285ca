import {
  type CallContext,
  type Offer,
  quantity,
  type RealtimeEvent,
  type RealtimeInput,
  soundSeconds,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import type { Candidate } from '@farebox/router'
import { isUnreported, isUsage } from '../book-prices.ts'
import { converseRoute } from '../call-routes.ts'
import { required } from '../call-runner.ts'
import { answerTokensMax } from '../chat-route.ts'
import { safeListener } from '../safe-listener.ts'
import type { ConverseInput, LiveStream } from '../workflow-calls.ts'
import { AnswerQueue } from './answer-queue.ts'
import type { LiveMeter } from './live-meter.ts'
import { checkPiece, checkSound, type LiveEnding, type LiveParts, type LiveSession, openLive } from './open-live.ts'
import { untilStopped } from './until-stopped.ts'

/** The most tokens of an answer by default: about a minute and a half of speech. */
const OUTPUT_TOKENS_MAX = 2_048
/**
 * The tokens that models count for a second of audio, heard and spoken. Source: OpenAI's guide to the cost of its Realtime API.
 */
const HEARD_TOKENS_PER_SECOND = 10
const SPOKEN_TOKENS_PER_SECOND = 20
const BYTES_PER_TOKEN = 4
/** Overhead around instructions and turns, tools included. */
const FRAME_TOKENS = 500
/** The seconds of new audio that the hold for the next answer covers before it must be extended. */
const HEARD_SECONDS = 30
const LOW_ANSWERS = 2
/** The assumed context window of a model whose offer states none. */
const WINDOW_TOKENS = 1_000_000

/**
 * Holds a spoken conversation for as long as it can be paid. Each answer is charged when it ends. The next one must be held for
 * before it can begin, because the model decides by itself when to speak.
 */
export async function converse(live: LiveParts, input: ConverseInput): Promise<LiveStream<RealtimeEvent>> {
  checkSound('inputFormat', input.inputFormat)
  checkSound('outputFormat', input.outputFormat)
  const session = new ConverseSession({ ...input, onLow: safeListener(input.onLow, live.parts.onError) })
  const expected = [tokens('audio_input', FRAME_TOKENS), tokens('audio_output', 300)]
  const any = { expected, ceiling: session.nextTurn() }
  const usageOf = (offer: Offer) => {
    const ceiling = session.nextTurn(session.limitsOf(offer))
    return ceiling.every((most, index) => most.quantity === any.ceiling[index]?.quantity) ? any : { expected, ceiling }
  }
  return openLive(live, [converseRoute({ ...any, usageOf }, input)], input, session)
}

/** What a model can read and write in one turn, in tokens. */
interface TurnLimits {
  window: number
  outputTokensMax: number
}

class ConverseSession implements LiveSession<RealtimeEvent> {
  readonly #input: ConverseInput
  #limits: TurnLimits
  #meter: LiveMeter | undefined
  /** The tokens that the next answer reads: everything said so far. */
  #context: number
  /** Tokens heard since the last answer ended. */
  #heard = 0
  #covered: number
  /** Tokens spoken since the last answer ended. */
  #spoken = 0
  #isWarned = false
  readonly #answers = new AnswerQueue()
  #ending: LiveEnding = { endedBy: 'input' }
  #inputFailure: { cause: unknown } | undefined
  #paymentFailure: { cause: unknown } | undefined
  /** Aborts when the input has ended, or no more of it is to be read. */
  readonly #over = new AbortController()

  constructor(input: ConverseInput) {
    const { instructions = '', tools = [] } = input
    this.#input = input
    this.#limits = this.limitsOf()
    this.#context = FRAME_TOKENS + tokensOf(instructions) + (tools.length > 0 ? tokensOf(JSON.stringify(tools)) : 0)
    this.#covered = HEARD_SECONDS * HEARD_TOKENS_PER_SECOND
  }

  get ending(): LiveEnding {
    return this.#ending
  }

  begin(meter: LiveMeter): void {
    this.#meter = meter
  }

  open(candidate: Candidate, context: CallContext): AsyncIterable<RealtimeEvent> {
    this.#limits = this.limitsOf(candidate.offer)
    const { instructions, voice, inputFormat, outputFormat, tools } = this.#input
    const request = {
      model: candidate.offer.model,
      input: this.#paid(),
      instructions,
      voice,
      inputFormat,
      outputFormat,
      tools,
      outputTokensMax: this.#limits.outputTokensMax,
      onAnswer: () => this.#answers.begun(),
    }
    return required(candidate, 'converse').call(candidate.adapter, request, context)
  }

  /** The most that the next answer can use. It reads no more than the model's window, however long the conversation is. */
  nextTurn({ window, outputTokensMax }: TurnLimits = this.#limits): UsageQuantity[] {
    return [
      tokens('audio_input', Math.min(this.#context + Math.max(this.#heard, this.#covered), window)),
      tokens('audio_output', outputTokensMax),
    ]
  }

  /** The limits of a model, or those that hold before one is chosen. */
  limitsOf(offer?: Offer): TurnLimits {
    const { outputTokensMax = OUTPUT_TOKENS_MAX } = this.#input
    if (!offer) return { window: WINDOW_TOKENS, outputTokensMax }
    const { contextTokens: window = WINDOW_TOKENS } = offer.capabilities
    return { window, outputTokensMax: answerTokensMax(outputTokensMax, offer) }
  }

  async see(event: RealtimeEvent): Promise<void> {
    if (event.type === 'audio' || event.type === 'text' || event.type === 'tool_call') this.#answers.begun()
    if (event.type === 'audio') {
      this.#spoken += soundSeconds(event.audio.length, this.#input.outputFormat) * SPOKEN_TOKENS_PER_SECOND
    } else if (event.type === 'turn') {
      this.#answers.ended()
      const floor = this.#floor()
      const usage = isUnreported(event.usage) ? floor : event.usage
      // More than the model's window is an error or forgotten, and must not inflate the hold for the next answer.
      this.#context = Math.min(
        Math.max(this.#context + this.#heard + this.#spoken, sum(isUsage(usage) ? usage : floor)),
        this.#limits.window,
      )
      // Reset before the charge is written: if the conversation ends meanwhile, it must not charge this turn again.
      this.#heard = 0
      this.#spoken = 0
      await this.#meter?.charge({ usage, fallback: () => floor, requestId: event.turnId })
      if (await this.#cover(HEARD_SECONDS * HEARD_TOKENS_PER_SECOND)) {
        this.#answers.paid()
        return
      }
      // Until the adapter has taken the `cancel`: when it is asked for more, it may request an answer that waited for this one.
      await new Promise<void>((resolve) => void setImmediate(resolve))
    }
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

  get owed(): AbortSignal {
    return this.#answers.owed
  }

  end(): void {
    this.#over.abort()
  }

  rest(usage: Usage | undefined, isFinished: boolean): Usage {
    if (!isUnreported(usage)) return this.#withHeard(usage)
    if (this.#spoken > 0) return this.#floor()
    // A provider may bill an answer that has said nothing yet, even one that nobody asked for.
    return { quantities: [], certainty: isFinished ? 'exact' : 'floor' }
  }

  /** Yields the input for as long as the answer to it is paid for. */
  async *#paid(): AsyncGenerator<RealtimeInput, void, undefined> {
    const inputs = this.#input.input[Symbol.asyncIterator]()
    try {
      for await (const input of untilStopped(this.#answers.inTurn(inputs), this.#over.signal)) {
        if (input.type === 'audio') checkPiece('input', input.audio)
        this.#heard += this.#tokensOf(input)
        if (this.#heard > this.#covered && !(await this.#cover(this.#heard * 2))) break
        yield input
      }
      // The adapter may have begun another answer, or be about to.
      if (this.#ending.endedBy !== 'input' && this.#answers.isUnpaid) yield { type: 'cancel' }
    } catch (error) {
      this.#ending = { endedBy: 'caller' }
      this.#inputFailure = { cause: error }
      throw error
    } finally {
      this.#over.abort()
      // Not awaited: the source may be waiting for somebody to speak.
      inputs.return?.().catch(() => {})
    }
  }

  /** Extends the hold to cover the next answer, with room for `heard` tokens of audio before it. */
  async #cover(heard: number): Promise<boolean> {
    this.#covered = heard
    const turn = this.nextTurn()
    const covering = this.#meter?.cover(turn).catch((error: unknown) => {
      this.#paymentFailure = { cause: error }
      throw error
    })
    const outcome = (await covering) ?? { status: 'spent' as const, reason: 'credits' as const, blockedBy: undefined }
    if (outcome.status === 'held') {
      this.#warn(outcome.affordable, this.#meter?.priceOf(turn) ?? 0n)
      return true
    }
    // After the end of the input, nothing was left to pay for.
    if (!this.#over.signal.aborted) this.#ending = { endedBy: outcome.reason, blockedBy: outcome.blockedBy }
    this.#over.abort()
    return false
  }

  #warn(affordable: bigint, price: bigint): void {
    const { lowAnswers = LOW_ANSWERS, onLow } = this.#input
    const answersLeft = price > 0n ? Number(affordable / price) : Number.POSITIVE_INFINITY
    if (this.#isWarned || answersLeft >= lowAnswers) return
    this.#isWarned = true
    onLow?.({ answersLeft })
  }

  /** The least that an answer used, if its model reports no usage. */
  #floor(): Usage {
    const quantities = [tokens('audio_input', this.#heard), tokens('audio_output', Math.floor(this.#spoken))]
    return { quantities, certainty: 'floor' }
  }

  /** An answer that broke off has read what was heard, also if its adapter could count only what was spoken. */
  #withHeard(usage: Usage): Usage {
    if (!isUsage(usage) || usage.certainty !== 'floor' || this.#spoken === 0 || this.#heard === 0) return usage
    if (usage.quantities.some(isRead)) return usage
    return { ...usage, quantities: [tokens('audio_input', this.#heard), ...usage.quantities] }
  }

  #tokensOf(input: RealtimeInput): number {
    switch (input.type) {
      case 'audio':
        return soundSeconds(input.audio.length, this.#input.inputFormat) * HEARD_TOKENS_PER_SECOND
      case 'text':
        return tokensOf(input.text)
      case 'tool_result':
        return tokensOf(input.content)
      default:
        return 0
    }
  }
}

function tokensOf(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / BYTES_PER_TOKEN)
}

function tokens(meter: string, count: number): UsageQuantity {
  return { meter, quantity: quantity(Math.ceil(count)), unit: 'tokens' }
}

/** Whether a model read it: not what another model transcribed. */
function isRead({ meter }: UsageQuantity): boolean {
  return meter.endsWith('input') && !meter.startsWith('transcription')
}

function sum({ quantities }: Usage): number {
  return Number(quantities.reduce((total, one) => total + one.quantity, 0n) / 1_000_000n)
}
