import {
  type CallContext,
  type ChatEvent,
  type Credits,
  type PhoneRequest,
  type ProviderAdapter,
  ProviderError,
  type Quantity,
  quantity,
  type Service,
  type SpeakRequest,
  type TranscribeRequest,
  type Unit,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import { type AuthenticatedKey, keyPermission, type Refusal, type WorkflowSummary } from '@farebox/ledger'
import { chargeOf } from '@farebox/pricing'
import {
  attempt,
  attemptStream,
  type Candidate,
  type Deadlines,
  type RouteRequest,
  type ServiceConfiguration,
} from '@farebox/router'
import { v7 as uuidv7 } from 'uuid'
import type { Pricing } from './book-prices.ts'
import { CALL_SECONDS_MAX, callRoute, choices, speakRoute, transcribeRoute } from './call-routes.ts'
import { chatRequest, chatRoute, floorUsage, questionAbout } from './chat-route.ts'
import { errorOfRefusal, InsufficientCreditsError, ServiceNotAllowedError } from './errors.ts'
import { type CallsEstimate, estimateCalls } from './estimate-calls.ts'
import { type ExplainedCharge, explainCharges } from './explain-charges.ts'
import { type LoadTokenizers, measureChat, offersFor } from './measure-chat.ts'
import {
  failureOf,
  type HeldRoute,
  holdRoute,
  type MeterParts,
  overKeyLimit,
  type Payer,
  release,
  settle,
} from './metered-call.ts'
import { priceSlice } from './price-slice.ts'
import { readAudio } from './read-audio.ts'
import { type Receipt, receiptOf } from './receipt.ts'
import type { Turns } from './turns.ts'
import type {
  CallOptions,
  ChatAnswer,
  ChatInput,
  ChatStream,
  Metered,
  PhoneAnswer,
  PhoneInput,
  PlannedCalls,
  Recorded,
  RecordOptions,
  SeeInput,
  SpeakInput,
  Speech,
  TranscribeInput,
  Transcript,
} from './workflow-calls.ts'

export interface WorkflowOptions {
  accountId: string
  /** What breakdowns count it under: `voice_chat`. */
  name: string
  /** @defaultValue a new UUIDv7 */
  workflowId?: string
  /** @defaultValue the Farebox's */
  configuration?: ServiceConfiguration
  /** The key that pays, whose permissions then hold. */
  apiKey?: AuthenticatedKey
  userId?: string
  businessAdapter?: string
  /** The most that it may cost. @defaultValue no ceiling */
  maxCredits?: Credits
  /** Set aside when it opens, for its calls to draw on first, whatever else the account spends; what is left goes back when it closes. */
  reserve?: Credits
  /** Fires when the caller leaves: whatever runs is stopped. */
  signal?: AbortSignal
  idempotencyKey?: string
  /** Whether it is in the ledger already, and only taken up again. @defaultValue false */
  isOpened?: boolean
}

/** What a workflow is given by its Farebox. */
export interface WorkflowParts extends MeterParts {
  configuration: ServiceConfiguration
  deadlines: Deadlines
  loadTokenizers?: LoadTokenizers
  clock(): number
  /** Lets work go on that nobody awaits. */
  background(work: Promise<unknown>): void
  /** For what must not run at once. */
  turns: Turns
}

/** How long a hold outlives the deadline of what it pays for. */
const HOLD_MARGIN_MS = 60_000
/** A phone call that can be paid for less long than this is not begun. */
const CALL_SECONDS_MIN = 10
/** Time to ring, and to hang up. */
const CALL_MARGIN_MS = 120_000

/**
 * Calls that share one budget, one receipt and one balance. Each call chooses a provider, sets the price aside, makes its
 * attempts and charges what was used; none is made that the account cannot pay.
 */
export class Workflow {
  readonly id: string
  readonly name: string
  readonly accountId: string
  readonly #parts: WorkflowParts
  readonly #options: WorkflowOptions
  readonly #payer: Payer
  #opened: Promise<void> | undefined
  /** What is under way: closing waits for it, so that its charges are on the receipt. */
  readonly #running = new Set<Promise<unknown>>()

  /** Made by {@link Farebox.workflow}. It opens in the ledger with its first use. */
  constructor(parts: WorkflowParts, options: WorkflowOptions) {
    this.id = options.workflowId ?? uuidv7()
    this.name = options.name
    this.accountId = options.accountId
    this.#parts = parts
    this.#options = options
    if (options.isOpened) this.#opened = Promise.resolve()
    this.#payer = {
      accountId: options.accountId,
      workflowId: this.id,
      configuration: options.configuration ?? parts.configuration,
      apiKey: options.apiKey,
      userId: options.userId ?? options.apiKey?.userId ?? undefined,
    }
  }

  /** Whether it is in the ledger: it opens with its first use. */
  get isOpened(): boolean {
    return this.#opened !== undefined
  }

  /** The API key that pays, when the caller presented one. */
  get apiKey(): AuthenticatedKey | undefined {
    return this.#options.apiKey
  }

  get configuration(): ServiceConfiguration {
    return this.#payer.configuration
  }

  /** Opens it in the ledger now, instead of with its first use. */
  open(): Promise<void> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      // It may be possible a moment later.
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  /** Asks a chat model. */
  chat(input: ChatInput): Promise<ChatAnswer> {
    return this.#chat('gpt', 'chat', input)
  }

  /** Asks a model about images. */
  see({ prompt, images, ...input }: SeeInput): Promise<ChatAnswer> {
    return this.#chat('vision', 'see', { ...input, messages: questionAbout(prompt, images) })
  }

  /** Asks a chat model and passes its answer on as it comes. Resolves with the first content; until then nothing was sent. */
  async streamChat(input: ChatInput): Promise<ChatStream> {
    const request = chatRequest(input)
    const measure = await this.#measure('gpt', input)
    const route: RouteRequest = { ...chatRoute('gpt', 'chat', input, measure), ...choices(input) }
    route.needs = { ...route.needs, streaming: true }
    const held = await this.#hold(route)
    const outcome = await attemptStream<ChatEvent, Refusal>({
      ...this.#attemptOptions(held, input),
      open: (candidate, context) =>
        required(candidate, 'streamChat').call(candidate.adapter, { ...request, model: candidate.offer.model }, context),
    }).catch((error: unknown) => this.#giveUp(held, error))
    if (outcome.status !== 'succeeded') {
      await release(this.#parts, this.#payer, held)
      throw failureOf(outcome, 'chat')
    }
    const { value, candidate, attempts } = outcome
    const settled = value.ended.then(async (ending) => {
      // Nobody continues it, so there is one part.
      const [part] = ending.parts
      const fallback = floorUsage(measure, candidate.offer, part.produced)
      const usage = part.usage ?? fallback
      // Closing waits from here on, not before: whoever is to read the stream may be the one who closes.
      const charged = await this.#track(settle(this.#parts, this.#payer, held, { candidate, usage, fallback, attempts }))
      return { creditsUsed: charged.charged, isComplete: ending.status === 'finished' }
    })
    // Whoever awaits it is told; closing the Farebox waits for it in any case.
    this.#parts.background(settled)
    return { provider: candidate.offer.provider, isSimulated: candidate.adapter.isSimulated, events: value.events, settled }
  }

  /**
   * Turns speech into text.
   *
   * @throws {InvalidAudioError} the audio is empty, or is none
   */
  async transcribe({ audio, language, ...options }: TranscribeInput): Promise<Transcript> {
    const { durationSeconds, ...sound } = await readAudio(audio)
    const route = transcribeRoute(durationSeconds, options)
    const request: Omit<TranscribeRequest, 'model'> = { audio: sound, language }
    const { result, ...metered } = await this.#call(
      route,
      options,
      (candidate, context) =>
        required(candidate, 'transcribe').call(candidate.adapter, { ...request, model: candidate.offer.model }, context),
      route.expected,
    )
    return {
      text: result.text,
      language: result.language,
      durationSeconds: result.durationSeconds ?? durationSeconds,
      ...metered,
    }
  }

  /** Turns text into speech. */
  async speak({ text, voice, format = 'mp3', ...options }: SpeakInput): Promise<Speech> {
    const route = speakRoute(text, options)
    const request: Omit<SpeakRequest, 'model'> = { text, voice, format }
    const { result, ...metered } = await this.#call(
      route,
      options,
      (candidate, context) =>
        required(candidate, 'speak').call(candidate.adapter, { ...request, model: candidate.offer.model }, context),
      route.expected,
    )
    return { audio: result.audio, format: result.format, ...metered }
  }

  /**
   * Makes a phone call, and resolves when it has ended. It is never dialled twice. Where the account cannot pay for the whole of
   * `durationSecondsMax`, the provider is told to end it earlier.
   */
  async call({ durationSecondsMax = CALL_SECONDS_MAX, ...input }: PhoneInput): Promise<PhoneAnswer> {
    const { to, from, instructions } = input
    try {
      return await this.#callFor(durationSecondsMax, { to, from, instructions }, input)
    } catch (error) {
      if (!(error instanceof InsufficientCreditsError)) throw error
      const seconds = Number((error.available * BigInt(durationSecondsMax)) / error.needed)
      if (seconds < CALL_SECONDS_MIN) throw error
      return this.#callFor(seconds, { to, from, instructions }, input)
    }
  }

  /**
   * What calls would cost, by service and in total, without making them: by the same plan and the same counts as the calls
   * themselves. `high` is the most that they may cost, whoever answers: what is held for the dearest of those who may.
   *
   * @throws {NoProviderError} nobody can serve one of them
   * @throws {InvalidAudioError} the audio is empty, or is none
   */
  estimate(calls: PlannedCalls): Promise<CallsEstimate> {
    return estimateCalls(this.#parts, this.#payer.configuration, calls)
  }

  /**
   * Charges work that was done elsewhere.
   *
   * @param units  how much, as a number, a decimal string or a {@link Quantity}
   * @throws {PriceNotFoundError} the provider, or its unit, has no price
   * @throws {InsufficientCreditsError} the balance does not cover it: nothing was charged
   * @throws {ServiceNotAllowedError} the key may not use the service, or the provider
   * @throws {RequestLimitError} it costs more than the key allows a request
   */
  async record(
    service: Service,
    provider: string,
    units: number | string | Quantity,
    unit: Unit,
    { model, to, from, call, idempotencyKey }: RecordOptions = {},
  ): Promise<Recorded> {
    const { apiKey, userId } = this.#payer
    const permission = apiKey && keyPermission(apiKey, service, provider)
    if (apiKey && !permission) {
      throw new ServiceNotAllowedError(service, `API key ${apiKey.prefix} may not use ${service} of ${provider}`)
    }
    const amount = typeof units === 'bigint' ? units : quantity(units)
    const { accountId, id: workflowId } = this
    const { ledger, prices } = this.#parts
    const source = { service, provider, model, to, from }
    const used = { meter: 'usage', quantity: amount, unit }
    const limit = permission?.costLimitPerRequest ?? null
    const charge = async ({ priced, rating, details }: Pricing & { details?: unknown }): Promise<Recorded> => {
      const whole = chargeOf(rating)
      if (apiKey && limit !== null && whole > limit) throw overKeyLimit(apiKey, service, whole, limit)
      await this.open()
      const apiKeyId = apiKey?.apiKeyId
      const usage = { ...priced, model, details }
      const outcome = await ledger.charge({ accountId, workflowId, service, provider, apiKeyId, userId, idempotencyKey, usage })
      if (outcome.status === 'refused') throw errorOfRefusal(outcome)
      return { creditsUsed: outcome.charged, balance: outcome.balance }
    }
    if (call === undefined) return charge(prices.price(source, [used]))
    // A slice is priced by those before it, so they are charged one after another.
    return this.#parts.turns.take(`${workflowId} ${service} ${provider} ${call}`, async () =>
      charge(await priceSlice(this.#parts, { accountId, workflowId, call, ...source }, used)),
    )
  }

  /** Why each of its charges is what it is: quantity, increment, tier, rate, rounding and version of the price book. */
  async explain(): Promise<ExplainedCharge[]> {
    await this.open()
    return explainCharges(await this.#parts.ledger.usageOf(this.accountId, this.id), this.#parts.prices.book)
  }

  /** What it has cost so far, in its wire form. */
  async receipt(): Promise<Receipt> {
    return receiptOf(await this.#summary(), this.#parts.clock())
  }

  /** Ends it. Holds that are still open go back. Closing again returns the same receipt. */
  async close(): Promise<Receipt> {
    await this.open()
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
    await this.#parts.ledger.closeWorkflow({ accountId: this.accountId, workflowId: this.id })
    return this.receipt()
  }

  /** Gives back everything that was charged to it, because its work came to nothing. */
  async refund(reason: string): Promise<void> {
    await this.open()
    for (const { usageId, charged, corrects } of await this.#parts.ledger.usageOf(this.accountId, this.id)) {
      if (corrects !== null || charged === 0n) continue
      const correctionId = `refund:${usageId}`.slice(0, 200)
      await this.#parts.ledger.refund({ accountId: this.accountId, usageId, correctionId, reason })
    }
  }

  async #summary(): Promise<WorkflowSummary> {
    await this.open()
    return this.#parts.ledger.workflow(this.accountId, this.id)
  }

  async #open(): Promise<void> {
    const { businessAdapter, maxCredits, reserve, idempotencyKey } = this.#options
    const outcome = await this.#parts.ledger.openWorkflow({
      accountId: this.accountId,
      workflowId: this.id,
      name: this.name,
      businessAdapter,
      maxCredits,
      reserve,
      idempotencyKey,
      userId: this.#payer.userId,
      apiKeyId: this.#payer.apiKey?.apiKeyId,
    })
    if (outcome.status === 'refused') throw errorOfRefusal(outcome)
  }

  #chat(service: 'gpt' | 'vision', operation: 'chat' | 'see', input: ChatInput): Promise<ChatAnswer> {
    // Closing waits from here on, also while the question is being counted.
    return this.#track(this.#chatNow(service, operation, input))
  }

  async #chatNow(service: 'gpt' | 'vision', operation: 'chat' | 'see', input: ChatInput): Promise<ChatAnswer> {
    const request = chatRequest(input)
    const measure = await this.#measure(service, input)
    const { result, ...metered } = await this.#call(
      { ...chatRoute(service, operation, input, measure), ...choices(input) },
      input,
      (candidate, context) =>
        required(candidate, 'chat').call(candidate.adapter, { ...request, model: candidate.offer.model }, context),
      (answer, { offer }) => floorUsage(measure, offer, [{ type: 'text', text: answer.text }]).quantities,
    )
    return { ...result, ...metered }
  }

  #measure(service: 'gpt' | 'vision', input: ChatInput) {
    return measureChat(input, offersFor(this.#parts.catalog, service, input.provider), this.#parts.loadTokenizers)
  }

  /** Whoever leaves does not end a call that rings: it goes on to its end or its limit, and is charged. */
  async #callFor(
    durationSecondsMax: number,
    request: Omit<PhoneRequest, 'durationSecondsMax'>,
    options: PhoneInput,
  ): Promise<PhoneAnswer> {
    const { result, ...metered } = await this.#call(
      callRoute(durationSecondsMax, options),
      {},
      (candidate, context) => required(candidate, 'call').call(candidate.adapter, { ...request, durationSecondsMax }, context),
      (answer) => [{ meter: 'duration', quantity: quantity(answer.durationSeconds), unit: 'seconds' }],
      { totalMs: durationSecondsMax * 1000 + CALL_MARGIN_MS },
    )
    return { ...result, ...metered }
  }

  #call<Result extends { usage?: Usage }>(...parameters: CallParameters<Result>): Promise<Metered & { result: Result }> {
    return this.#track(this.#callNow(...parameters))
  }

  /** Routes, holds, attempts and settles one call that answers as a whole. `unreported`: what is charged where the provider does not say. */
  async #callNow<Result extends { usage?: Usage }>(
    ...[request, options, call, unreported, deadlines = this.#parts.deadlines]: CallParameters<Result>
  ): Promise<Metered & { result: Result }> {
    const held = await this.#hold(request, deadlines)
    const outcome = await attempt({ ...this.#attemptOptions(held, options), deadlines, call }).catch((error: unknown) =>
      this.#giveUp(held, error),
    )
    if (outcome.status !== 'succeeded') {
      await release(this.#parts, this.#payer, held)
      throw failureOf(outcome, request.operation)
    }
    const { value: result, candidate, attempts } = outcome
    const fallback = fallbackUsage(request, () => (typeof unreported === 'function' ? unreported(result, candidate) : unreported))
    const charged = await settle(this.#parts, this.#payer, held, {
      candidate,
      usage: result.usage ?? fallback,
      fallback,
      attempts,
    })
    return {
      result,
      provider: candidate.offer.provider,
      creditsUsed: charged.charged,
      isSimulated: candidate.adapter.isSimulated,
    }
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const settled = () => void this.#running.delete(work)
    this.#running.add(work)
    work.then(settled, settled)
    return work
  }

  #hold(request: RouteRequest, deadlines: Deadlines = this.#parts.deadlines): Promise<HeldRoute> {
    const ttlMs = (deadlines.totalMs ?? 60_000) + HOLD_MARGIN_MS
    return holdRoute(this.#parts, this.#payer, request, { ttlMs, open: () => this.open() })
  }

  #attemptOptions(held: HeldRoute, { signal }: CallOptions) {
    const isCall = held.route.operation === 'call'
    const signals = isCall ? [] : [signal, this.#options.signal].filter((one) => one !== undefined)
    return {
      route: held.route,
      id: held.holdId,
      health: this.#parts.health,
      deadlines: this.#parts.deadlines,
      beforeAttempt: held.beforeAttempt,
      clock: () => this.#parts.clock(),
      ...(signals.length > 0 && { signal: AbortSignal.any(signals) }),
    }
  }

  async #giveUp(held: HeldRoute, error: unknown): Promise<never> {
    await release(this.#parts, this.#payer, held)
    throw error
  }
}

/** What one call that answers as a whole is made of. `unreported`: what is charged where the provider does not say. */
type CallParameters<Result> = [
  request: RouteRequest,
  options: CallOptions,
  call: (candidate: Candidate, context: CallContext) => Promise<Result>,
  unreported: readonly UsageQuantity[] | ((result: Result, candidate: Candidate) => readonly UsageQuantity[]),
  deadlines?: Deadlines,
]

/** What is charged where the provider does not say; where even that cannot be told, the most that was expected. */
function fallbackUsage(request: RouteRequest, unreported: () => readonly UsageQuantity[]): Usage {
  try {
    return { quantities: unreported(), certainty: 'derived' }
  } catch {
    return { quantities: request.ceiling, certainty: 'ceiling' }
  }
}

/** The adapter's method. An offer without it is a defect of the adapter, and the next candidate is tried. */
function required<Name extends 'chat' | 'streamChat' | 'transcribe' | 'speak' | 'call'>(
  { adapter, offer }: Candidate,
  name: Name,
): NonNullable<ProviderAdapter[Name]> {
  const method = adapter[name]
  if (method) return method as NonNullable<ProviderAdapter[Name]>
  throw new ProviderError(`${adapter.name} cannot ${name}`, { provider: offer.provider, kind: 'unsupported' })
}
