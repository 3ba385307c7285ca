import {
  type ChatEvent,
  type ChatResult,
  type Credits,
  type Quantity,
  quantity,
  type RealtimeEvent,
  type Service,
  type SpeechEvent,
  type TranscriptEvent,
  type Unit,
} from '@farebox/core'
import { type AuthenticatedKey, keyPermission, newUuid, type UsageRow, type WorkflowSummary, workflowIdOf } from '@farebox/ledger'
import { type ChatMeasure, chargeOf } from '@farebox/pricing'
import {
  type Candidate,
  createTally,
  type ProducedCounts,
  type RouteRequest,
  type ServiceConfiguration,
  type StreamPart,
} from '@farebox/router'
import { affordableSeconds } from './affordable-seconds.ts'
import type { Pricing } from './book-prices.ts'
import { CALL_SECONDS_MAX, callRoute, embedRoute, speakRoute, transcribeRoute } from './call-routes.ts'
import { CallRunner, type RunnerParts, type RunningStream, required } from './call-runner.ts'
import { type Charge, chargesOf } from './charges-of.ts'
import { answerTokensMax, chatRequest, chatRoute, continuedMessages, floorUsage, questionAbout } from './chat-route.ts'
import { ChatSession } from './chat-session.ts'
import { checkCallLengths, checkMessages, checkPhoneCall, checkTokensMax } from './check-calls.ts'
import { correctionIdOf } from './correction-id.ts'
import { modelOf } from './dialect-options.ts'
import { Envelope } from './envelope.ts'
import { errorOfRefusal, ServiceNotAllowedError } from './errors.ts'
import { type CallsEstimate, estimateCalls } from './estimate-calls.ts'
import { type ExplainedCharge, explainCharges } from './explain-charges.ts'
import { overKeyLimit, type Payer, planOnly } from './hold-route.ts'
import { isUnaffordable } from './is-unaffordable.ts'
import { type KeptDecision, keptDecisions } from './kept-decisions.ts'
import { checkCall, checkGiven, checkPlanned } from './known-calls.ts'
import { converse } from './live/converse.ts'
import { listen } from './live/listen.ts'
import { meterTime } from './live/meter-time.ts'
import type { LiveParts } from './live/open-live.ts'
import { type LoadTokenizers, measureChat, offersFor } from './measure-chat.ts'
import { placePhoneCall } from './phone-call.ts'
import { readAudio } from './read-audio.ts'
import { type Receipt, receiptOf } from './receipt.ts'
import { safeListener } from './safe-listener.ts'
import type { PricedSlice, SlicedCalls } from './sliced-calls.ts'
import { quietly } from './telemetry/watch-call.ts'
import type {
  ChatAnswer,
  ChatInput,
  ChatStream,
  ConverseInput,
  Embeddings,
  EmbedInput,
  ListenInput,
  LiveStream,
  MeteredTime,
  MeterInput,
  PhoneAnswer,
  PhoneInput,
  PlannedCalls,
  Recorded,
  RecordOptions,
  SeeInput,
  SpeakInput,
  Speech,
  SpeechStream,
  StreamChatInput,
  TranscribeInput,
  Transcript,
} from './workflow-calls.ts'

/** The options of a workflow: who pays for it, and what it may do. */
export interface WorkflowOptions {
  accountId: string
  /** The name that breakdowns group it by: `voice_chat`. */
  name: string
  /** @defaultValue a new UUIDv7, or with an `idempotencyKey` the same id each time */
  workflowId?: string
  /** @defaultValue the Farebox's */
  configuration?: ServiceConfiguration
  /** The API key that pays. Its permissions apply. */
  apiKey?: AuthenticatedKey
  userId?: string
  /**
   * The use case that the ledger records for it. It does not change how calls are served: for that, pass the adapter's
   * `configuration`, which {@link Farebox.businessAdapter} finds.
   */
  businessAdapter?: string
  /** The most that the workflow may cost. @defaultValue no ceiling */
  maxCredits?: Credits
  /**
   * Credits to set aside when the workflow opens. Its calls draw on them first, and nothing else can spend them. The rest is
   * released when the workflow closes.
   */
  reserve?: Credits
  /**
   * Metadata of all its calls, which the configuration's conditions check: `{ tier: 'free' }`. The host sets it, never its
   * callers.
   */
  metadata?: Readonly<Record<string, string>>
  /** Aborts when the caller leaves. Running calls are stopped, except phone calls. */
  signal?: AbortSignal
  /**
   * Makes opening it safe to repeat: the same key resumes the same workflow, and with other options it is a conflict. Its calls are
   * made each time.
   */
  idempotencyKey?: string
  /** Whether the ledger has the workflow already, so that this only resumes it. @defaultValue false */
  isOpened?: boolean
  /**
   * Whether the workflow is for a single call. It then closes with the call's charge, which saves a write to the ledger.
   * @defaultValue false
   */
  isOneCall?: boolean
}

/** The parts of a Farebox that its workflows use. */
export interface WorkflowParts extends RunnerParts {
  configuration: ServiceConfiguration
  loadTokenizers?: LoadTokenizers
  slicedCalls: SlicedCalls
}

/** If the account affords less than this, a phone call is not placed. */
const CALL_SECONDS_MIN = 10

/**
 * A group of calls that share one budget, one receipt and one balance. Each call chooses a provider, places a hold for its price,
 * makes its attempts and charges what was used. No call is made that the account cannot pay.
 */
export class Workflow {
  readonly name: string
  readonly accountId: string
  readonly #parts: WorkflowParts
  readonly #options: WorkflowOptions
  /** Whether it ended before its first use. */
  #isOver = false
  // Created lazily: a mounted workflow exists for each request, and most requests make no call.
  #id: string | undefined
  #madePayer: Payer | undefined
  #madeRunner: CallRunner | undefined
  #madeSession: ChatSession | undefined
  /** Functions that end the live work and metered time still running. Closing calls them. */
  #ends: Set<() => Promise<unknown>> | undefined

  /** Use {@link Farebox.workflow} instead. The workflow opens in the ledger with its first use. */
  constructor(parts: WorkflowParts, options: WorkflowOptions) {
    this.#id = options.workflowId
    this.name = options.name
    this.accountId = options.accountId
    this.#parts = parts
    this.#options = options
  }

  /** Its id in the ledger. */
  get id(): string {
    const { idempotencyKey } = this.#options
    this.#id ??= idempotencyKey === undefined ? newUuid() : workflowIdOf(this.accountId, idempotencyKey)
    return this.#id
  }

  get #payer(): Payer {
    if (this.#madePayer) return this.#madePayer
    const { accountId, id: workflowId, configuration } = this
    const {
      name,
      apiKey,
      businessAdapter,
      maxCredits,
      reserve,
      idempotencyKey,
      isOpened = false,
      isOneCall = false,
    } = this.#options
    const userId = this.#options.userId ?? apiKey?.userId ?? undefined
    const what = { accountId, workflowId, name, businessAdapter, maxCredits, reserve, idempotencyKey }
    const opens = { ...what, userId, apiKeyId: apiKey?.apiKeyId }
    const envelope = new Envelope(this.#parts.ledger, { opens, isOpened, isOneCall, isOver: this.#isOver })
    this.#madePayer = { accountId, workflowId, envelope, configuration, apiKey, userId }
    return this.#madePayer
  }

  get #runner(): CallRunner {
    this.#madeRunner ??= new CallRunner(this.#parts, {
      payer: this.#payer,
      workflowName: this.name,
      signal: () => this.#options.signal,
      metadata: this.#options.metadata,
    })
    return this.#madeRunner
  }

  get #session(): ChatSession {
    this.#madeSession ??= new ChatSession()
    return this.#madeSession
  }

  /** Whether it is open in the ledger. It opens with its first use. */
  get isOpened(): boolean {
    return this.#madePayer?.envelope.isOpened ?? this.#options.isOpened ?? false
  }

  /** The API key that pays, if the caller presented one. */
  get apiKey(): AuthenticatedKey | undefined {
    return this.#options.apiKey
  }

  get configuration(): ServiceConfiguration {
    return this.#options.configuration ?? this.#parts.configuration
  }

  /** Opens the workflow in the ledger now, instead of with its first use. */
  open(): Promise<void> {
    return this.#payer.envelope.open()
  }

  /**
   * Asks a chat model.
   *
   * @throws {InvalidInputError} `messages` is malformed, or `outputTokensMax` is not a whole number
   */
  chat(input: ChatInput): Promise<ChatAnswer> {
    return this.#chat('gpt', 'chat', input)
  }

  /** Asks a vision model about images. */
  async see(input: SeeInput): Promise<ChatAnswer> {
    checkCall('see', input)
    const { prompt, images, ...others } = input
    return this.#chat('vision', 'see', { ...others, messages: questionAbout(prompt, images) })
  }

  /** Asks a chat model and streams its answer. Resolves with the first content. */
  streamChat(input: StreamChatInput): Promise<ChatStream> {
    return this.#runner.track(this.#streamChatNow(input))
  }

  /**
   * Turns recorded speech into text.
   *
   * @throws {InvalidAudioError} the audio is empty, or not audio
   */
  transcribe(input: TranscribeInput): Promise<Transcript> {
    return this.#runner.track(this.#transcribeNow(input))
  }

  /**
   * Transcribes speech live. Resolves when a provider is ready to listen. The transcription is charged in parts while it runs,
   * and ends within a second of the last credit.
   */
  async listen(input: ListenInput): Promise<LiveStream<TranscriptEvent>> {
    checkCall('listen', input)
    return this.#endable(listen(this.#live(), input))
  }

  /**
   * Turns text into speech.
   *
   * @throws {InvalidInputError} `text` is not a string
   */
  async speak(input: SpeakInput): Promise<Speech> {
    checkGiven('speak', input)
    const { text, voice, format = 'mp3', ...options } = input
    const request = speakRoute(text, options)
    checkCall('speak', input)
    const { result, ...metered } = await this.#runner.whole({
      request,
      options,
      input: () => [{ role: 'user', content: text }],
      call: (candidate, context) =>
        required(candidate, 'speak').call(candidate.adapter, { text, voice, format, ...modelOf(candidate, options) }, context),
      unreported: request.expected,
    })
    return { audio: result.audio, format: result.format, ...metered }
  }

  /** Turns text into speech and streams it. Resolves with the first audio. */
  async streamSpeech(input: SpeakInput): Promise<SpeechStream> {
    checkGiven('speak', input)
    const { text, voice, format = 'mp3', ...options } = input
    const request = speakRoute(text, options)
    checkCall('speak', input)
    request.needs = { ...request.needs, streaming: true }
    const stream = await this.#runner.stream<SpeechEvent, ProducedCounts>({
      request,
      options,
      input: () => [{ role: 'user', content: text }],
      open: (candidate, context) =>
        required(candidate, 'streamSpeech').call(
          candidate.adapter,
          { text, voice, format, ...modelOf(candidate, options) },
          context,
        ),
      tally: createTally,
      // Once it has begun to speak, a provider bills the whole text.
      unreported: () => ({ quantities: request.expected, certainty: 'ceiling' }),
    })
    return { ...asStream(stream), format }
  }

  /**
   * Holds a spoken conversation with a model. Resolves when the model is ready to listen. Each answer is charged when it ends,
   * and the conversation ends when the account cannot pay for the next one.
   */
  async converse(input: ConverseInput): Promise<LiveStream<RealtimeEvent>> {
    checkCall('converse', input)
    return this.#endable(converse(this.#live(), input))
  }

  /**
   * Meters time that your own code spends with a provider, such as an incoming phone call. It extends the hold and charges in
   * parts as the time passes. It tells you when credits run low and when they are gone, and you end the work.
   *
   * @throws {PriceNotFoundError} the provider has no price per time
   * @throws {InsufficientCreditsError} the account cannot pay for the reserve and one second: nothing was held
   * @throws {RequestLimitError} even the first seconds cost more than the configuration or the key allows per request
   * @throws {ServiceNotAllowedError} the key may not use the service, or the provider
   */
  async meter(input: MeterInput): Promise<MeteredTime> {
    checkCall('meter', input)
    const time = await this.#runner.track(meterTime({ ...this.#live(), metadata: this.#options.metadata }, input))
    this.#endOnClose(() => time.end(), time.over)
    return time
  }

  /** Turns texts into vectors. */
  embed(input: EmbedInput): Promise<Embeddings> {
    return this.#runner.track(this.#embedNow(input))
  }

  /**
   * Places a phone call, and resolves when it has ended. A call is never dialled twice. If the account, a budget or the workflow
   * does not allow all of `durationSecondsMax`, the provider is told to end the call earlier.
   *
   * @throws {InvalidInputError} the input has no number, nothing to say or do, or a length that no call can have
   */
  async call(given: PhoneInput): Promise<PhoneAnswer> {
    checkCall('call', given)
    const { durationSecondsMax = CALL_SECONDS_MAX, ...input } = given
    checkPhoneCall(input)
    checkCallLengths(given)
    const route = { ...input, metadata: { ...this.#options.metadata, ...input.metadata } }
    const isAffordable = (length: number, available: Credits) =>
      planOnly(this.#parts, this.#payer, callRoute(length, route), available).status !== 'refused'
    for (let seconds = durationSecondsMax; ; ) {
      try {
        return await this.#callFor({ ...input, durationSecondsMax: seconds })
      } catch (error) {
        if (!isUnaffordable(error)) throw error
        const { available } = error
        // Each try is shorter than the last, so the loop ends even if other work keeps spending the balance.
        const range = { least: CALL_SECONDS_MIN, most: Math.ceil(seconds) - 1 }
        const affordable = affordableSeconds(range, (length) => isAffordable(length, available))
        if (affordable === undefined) throw error
        seconds = affordable
      }
    }
  }

  /**
   * Estimates what calls would cost, by service and in total, without making them. It plans and counts as the calls themselves
   * do. `high` is the most that they may cost: what would be held for the most expensive provider that may answer.
   *
   * @throws {NoProviderError} no provider can serve one of the calls
   * @throws {ServiceNotAllowedError} the key may not use one of the services
   * @throws {RequestLimitError} one of the calls may cost more than the configuration or the key allows per request
   * @throws {InvalidAudioError} the audio is empty, or not audio
   */
  async estimate(calls: PlannedCalls): Promise<CallsEstimate> {
    checkPlanned(calls)
    const { configuration, apiKey } = this
    return estimateCalls(this.#parts, { configuration, apiKey, metadata: this.#options.metadata }, calls)
  }

  /**
   * Charges work that you did outside Farebox.
   *
   * @param units  how much was used, as a number, a decimal string or a {@link Quantity}
   * @throws {PriceNotFoundError} the provider, or its unit, has no price
   * @throws {InsufficientCreditsError} the balance does not cover it: nothing was charged
   * @throws {ServiceNotAllowedError} the key may not use the service, or the provider
   * @throws {RequestLimitError} it costs more than the key allows per request
   */
  record(
    service: Service,
    provider: string,
    units: number | string | Quantity,
    unit: Unit,
    options: RecordOptions = {},
  ): Promise<Recorded> {
    return this.#runner.track(this.#recordNow(service, provider, units, unit, options))
  }

  /** Explains each of its charges: quantity, increment, tier, rate, rounding and version of the price book. */
  async explain(): Promise<ExplainedCharge[]> {
    return explainCharges(await this.#records(), this.#parts.prices.book)
  }

  /**
   * The receipt of what it has cost so far, streams that have ended included, in wire form. It includes what providers charge:
   * `withoutCosts` removes that for customers.
   */
  async receipt(): Promise<Receipt> {
    return (await this.overview()).receipt
  }

  /** The routing decisions that its usage records keep, oldest first, for `explainRoute` and `replayDecision`. */
  async decisions(): Promise<KeptDecision[]> {
    return keptDecisions(await this.#records())
  }

  /** Its summary, its receipt, its decisions and its charges, oldest first, from one read of the ledger. */
  async overview(): Promise<{ summary: WorkflowSummary; receipt: Receipt; decisions: KeptDecision[]; charges: Charge[] }> {
    const [summary, records] = await Promise.all([this.#summary(), this.#records()])
    return {
      summary,
      receipt: receiptOf(summary, records, this.#parts.clock()),
      decisions: keptDecisions(records),
      charges: chargesOf(records),
    }
  }

  /**
   * Closes the workflow, ends its live work and metered time, and releases its open holds. Closing it again returns the same
   * receipt.
   */
  close(): Promise<Receipt> {
    return this.#toItsEnd(this.end().then(() => this.receipt()))
  }

  /** Does the same as {@link close}, but returns no receipt, which saves reading everything that the workflow did. */
  end(): Promise<void> {
    return this.#toItsEnd(this.#endNow())
  }

  /**
   * Ends the workflow along with something else, such as a response. If it was never used, this writes nothing, and the workflow
   * takes no more work. It then returns `undefined`: there is nothing to await.
   */
  endIfUsed(): Promise<void> | undefined {
    if (this.isOpened) return this.end()
    this.#isOver = true
    this.#madePayer?.envelope.abandon()
    return undefined
  }

  /** Refunds everything that was charged to the workflow, streams that have ended included, because its work came to nothing. */
  refund(reason: string): Promise<void> {
    return this.#toItsEnd(this.#refundNow(reason))
  }

  /** A closing Farebox waits for `work`, which its own workflow must not: it waits for the workflow's calls. */
  #toItsEnd<Result>(work: Promise<Result>): Promise<Result> {
    this.#parts.background(work.catch(() => undefined))
    return work
  }

  async #endNow(): Promise<void> {
    await this.open()
    await this.#runner.idle()
    await Promise.all([...(this.#ends ?? [])].map((end) => end()))
    await this.#payer.envelope.close()
  }

  async #refundNow(reason: string): Promise<void> {
    await this.#madeRunner?.settlements()
    // If the database is back, spooled charges go in first: later, nobody would refund them.
    await this.#parts.ledger.sendSpooled().catch(() => undefined)
    for (const { record, refundable } of chargesOf(await this.#records())) {
      if (refundable === 0n) continue
      const { usageId } = record
      const correctionId = correctionIdOf('refund', usageId)
      await this.#parts.ledger.refund({ accountId: this.accountId, usageId, correctionId, reason })
    }
  }

  async #records(): Promise<UsageRow[]> {
    await this.open()
    await this.#madeRunner?.settlements()
    return this.#parts.ledger.usageOf(this.accountId, this.id)
  }

  async #summary(): Promise<WorkflowSummary> {
    await this.open()
    await this.#madeRunner?.settlements()
    return this.#parts.ledger.workflow(this.accountId, this.id)
  }

  #chat(service: 'gpt' | 'vision', operation: 'chat' | 'see', input: ChatInput): Promise<ChatAnswer> {
    // Tracked from here on, so that closing waits even while the prompt is being counted.
    return this.#runner.track(this.#chatNow(service, operation, input))
  }

  async #chatNow(service: 'gpt' | 'vision', operation: 'chat' | 'see', input: ChatInput): Promise<ChatAnswer> {
    checkCall('chat', input)
    const request = chatRequest(input)
    const measure = await this.#measure(service, input)
    const { result, ...metered } = await this.#runner.wholeUntracked({
      request: this.#chatRoute(service, operation, input, measure),
      options: input,
      input: () => input.messages,
      call: (candidate, context) =>
        required(candidate, 'chat').call(
          candidate.adapter,
          { ...request, ...limitOf(request, candidate), ...modelOf(candidate, input) },
          context,
        ),
      unreported: async (answer, { offer }) =>
        (await floorUsage(measure, offer, eventsOf(answer), this.#parts.loadTokenizers)).quantities,
      onAnswered: (candidate, usage) => this.#session.after(input.messages, candidate, usage, this.#parts.clock()),
    })
    return { ...result, ...metered }
  }

  async #streamChatNow(input: StreamChatInput): Promise<ChatStream> {
    checkCall('chat', input)
    const request = chatRequest(input)
    const measure = await this.#measure('gpt', input)
    const route = this.#chatRoute('gpt', 'chat', input, measure)
    const messagesAfter = (earlier: readonly StreamPart<readonly ChatEvent[]>[]) =>
      continuedMessages(
        input.messages,
        earlier.map(({ delivered }) => delivered),
      )
    return asStream(
      await this.#runner.stream<ChatEvent, readonly ChatEvent[]>({
        request: { ...route, needs: { ...route.needs, streaming: true } },
        options: input,
        input: () => input.messages,
        open: (candidate, context, earlier) => {
          const messages = messagesAfter(earlier)
          return required(candidate, 'streamChat').call(
            candidate.adapter,
            { ...request, messages, ...limitOf(request, candidate), ...modelOf(candidate, input) },
            context,
          )
        },
        unreported: ({ offer }, produced) => floorUsage(measure, offer, produced, this.#parts.loadTokenizers),
        // Another model cannot continue from half a tool call.
        mayContinue: (produced) => produced.every(({ type }) => type === 'text'),
        continued: async (earlier) => {
          const longer = { ...input, messages: messagesAfter(earlier) }
          return chatRoute('gpt', 'chat', longer, await this.#measure('gpt', longer))
        },
        streaming: input,
        onAnswered: (candidate, usage) => this.#session.after(input.messages, candidate, usage, this.#parts.clock()),
      }),
    )
  }

  async #transcribeNow(input: TranscribeInput): Promise<Transcript> {
    checkCall('transcribe', input)
    const { audio, language, ...options } = input
    const { durationSeconds, ...sound } = await readAudio(audio)
    const request = transcribeRoute(durationSeconds, { ...options, language })
    const { result, ...metered } = await this.#runner.wholeUntracked({
      request,
      options,
      call: (candidate, context) =>
        required(candidate, 'transcribe').call(
          candidate.adapter,
          { audio: sound, language, ...modelOf(candidate, options) },
          context,
        ),
      unreported: request.expected,
    })
    return {
      text: result.text,
      language: result.language,
      durationSeconds: result.durationSeconds ?? durationSeconds,
      ...metered,
    }
  }

  async #embedNow(input: EmbedInput): Promise<Embeddings> {
    checkGiven('embed', input)
    const { inputs, dimensions, ...options } = input
    const request = await embedRoute(inputs, offersFor(this.#parts.catalog, 'embedding', options.provider), this.#parts, options)
    checkCall('embed', input)
    const { result, ...metered } = await this.#runner.wholeUntracked({
      request,
      options,
      call: (candidate, context) =>
        required(candidate, 'embed').call(candidate.adapter, { inputs, dimensions, ...modelOf(candidate, options) }, context),
      unreported: (_, { offer }) => (request.usageOf?.(offer) ?? request).expected,
    })
    return { embeddings: result.embeddings, model: result.model, usage: result.usage, ...metered }
  }

  async #recordNow(
    service: Service,
    provider: string,
    units: number | string | Quantity,
    unit: Unit,
    options: RecordOptions,
  ): Promise<Recorded> {
    checkCall('record', options)
    const { model, to, from, call, idempotencyKey, onReplayed } = options
    const { apiKey, userId, envelope } = this.#payer
    const permission = apiKey && keyPermission(apiKey, service, provider)
    if (apiKey && !permission) {
      throw new ServiceNotAllowedError(service, `API key ${apiKey.prefix} may not use ${service} of ${provider}`)
    }
    const amount = typeof units === 'bigint' ? units : quantity(units)
    const { accountId, id: workflowId } = this
    const { prices, slicedCalls } = this.#parts
    const source = { service, provider, model, to, from }
    const numbers = to === undefined && from === undefined ? undefined : { to, from }
    const used = { meter: 'usage', quantity: amount, unit }
    const limit = permission?.costLimitPerRequest ?? null
    const charge = async ({
      priced,
      rating,
      details,
      linesSoFar,
    }: Pricing & Partial<Pick<PricedSlice, 'linesSoFar'>> & { details?: unknown }) => {
      const whole = chargeOf(rating)
      if (apiKey && limit !== null && whole > limit) throw overKeyLimit(apiKey, service, whole, limit)
      const apiKeyId = apiKey?.apiKeyId
      const usage = { ...priced, model, details }
      const outcome = await envelope.charge({ accountId, service, provider, apiKeyId, userId, idempotencyKey, usage, linesSoFar })
      if (outcome.status === 'refused') throw errorOfRefusal(outcome)
      return outcome
    }
    const { charged, balance, replayed } =
      call === undefined
        ? await charge({ ...prices.price(source, [used]), details: numbers && { numbers } })
        : await slicedCalls.record({ accountId, workflowId, call, idempotencyKey, ...source }, used, charge)
    const work = { accountId, workflowId, service, creditsUsed: charged }
    if (replayed) safeListener(onReplayed, this.#parts.onError)()
    else for (const observer of this.#parts.observers) quietly(() => observer.recorded?.(work))
    return { creditsUsed: charged, balance }
  }

  #chatRoute(service: 'gpt' | 'vision', operation: 'chat' | 'see', input: ChatInput, measure: ChatMeasure): RouteRequest {
    const route = chatRoute(service, operation, input, measure)
    return { ...route, session: this.#session.before(input.messages, this.#parts.clock()) }
  }

  #live(): LiveParts {
    return { parts: this.#parts, payer: this.#payer, runner: this.#runner }
  }

  /** Registers live work for closing, which ends it as if its caller had left. */
  async #endable<Event>(opening: Promise<LiveStream<Event>>): Promise<LiveStream<Event>> {
    const stream = await opening
    const end = async () => {
      await stream.events.return?.()
      // `settled` and `onError` report a failure. It must not keep the workflow from closing.
      await stream.settled.catch(() => undefined)
    }
    this.#endOnClose(end, stream.settled)
    return stream
  }

  /** Calls `end` when the workflow closes, unless the work has ended before. */
  #endOnClose(end: () => Promise<unknown>, ended: Promise<unknown>): void {
    this.#ends ??= new Set()
    this.#ends.add(end)
    const forget = () => void this.#ends?.delete(end)
    ended.then(forget, forget)
  }

  #measure(service: 'gpt' | 'vision', input: ChatInput) {
    checkMessages(input.messages)
    checkTokensMax(input.outputTokensMax)
    return measureChat(input, offersFor(this.#parts.catalog, service, input.provider), this.#parts.loadTokenizers)
  }

  async #callFor(input: PhoneInput & { durationSecondsMax: number }): Promise<PhoneAnswer> {
    const { result, ...metered } = await this.#runner.track(placePhoneCall(this.#parts, this.#runner, this.#payer, input))
    return { ...result, ...metered }
  }
}

function limitOf({ outputTokensMax }: { outputTokensMax: number }, { offer }: Candidate): { outputTokensMax: number } {
  return { outputTokensMax: answerTokensMax(outputTokensMax, offer) }
}

/** Converts a whole answer to the events of a stream of it. */
function eventsOf({ text, toolCalls = [] }: ChatResult): ChatEvent[] {
  return [{ type: 'text', text }, ...toolCalls.map((call, index) => ({ type: 'tool_call' as const, index, ...call }))]
}

function asStream<Event>({ candidate, ...stream }: RunningStream<Event>) {
  return { provider: candidate.offer.provider, isSimulated: candidate.adapter.isSimulated, ...stream }
}
