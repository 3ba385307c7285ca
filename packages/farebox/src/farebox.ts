import {
  type Clock,
  type Credits,
  characterUsage,
  checkOptionNames,
  InvalidOptionError,
  type Offer,
  type ProviderAdapter,
  steadyClock,
  systemClock,
} from '@farebox/core'
import { type AuthenticatedKey, Ledger, type LedgerDriver, type MigrationReport, type UsageSpoolOptions } from '@farebox/ledger'
import type { FocusOptions } from '@farebox/ledger/export'
import { chatUsageRange, defaultCostBook, defaultPriceBook, type PriceBook } from '@farebox/pricing'
import {
  applyConditions,
  type BusinessAdapter,
  businessAdapters,
  type Catalog,
  type ComplexityClassifier,
  type Concurrency,
  type ConcurrencyOptions,
  createCatalog,
  createConcurrency,
  createHealth,
  createHedgeBudget,
  type Deadlines,
  type HedgeBudgetOptions,
  parseServiceConfiguration,
  presets,
  type Retries,
  resolveBusinessAdapter,
  type ServiceConfiguration,
  type ShareableHealth,
  type SharedHealth,
  type ShareHealthOptions,
  shareHealth,
} from '@farebox/router'
import { Agents } from './agents.ts'
import { BookPrices } from './book-prices.ts'
import type { LiveDeadlines } from './call-runner.ts'
import { usageOfOffer } from './chat-route.ts'
import type { ProviderNames } from './check-named-providers.ts'
import { checkOptions, checkWorkflow } from './check-options.ts'
import { TIMER_MS_MAX } from './check-times.ts'
import { UnauthorizedError } from './errors.ts'
import {
  checkEstimate,
  type EstimateInput,
  type EstimateReport,
  estimateWorkflow,
  type KnownOfWork,
} from './estimate-workflow.ts'
import { type ForgetAnswersOptions, forgetAnswers } from './forget-answers.ts'
import type { FailedAttempts } from './hold-route.ts'
import { createRoutes, type RoutesOptions } from './http/routes.ts'
import { type LoadTokenizers, measureChat, offersFor } from './measure-chat.ts'
import { OpenStreams } from './open-streams.ts'
import { type RecommendationReport, recommendationReport } from './recommendations.ts'
import type { ReconcileReport } from './reconcile/difference.ts'
import { type ReconcileOptions, reconcile } from './reconcile/reconcile.ts'
import { findSavings, type RecommendInput } from './replay/recommend.ts'
import { type SimulateInput, type SimulateParts, simulate } from './replay/simulate.ts'
import type { Simulation } from './replay/simulation.ts'
import { type RetiringOffer, retiringOffers } from './retiring-offers.ts'
import { SlicedCalls } from './sliced-calls.ts'
import { BoxMetrics } from './telemetry/box-metrics.ts'
import type { CallObserver } from './telemetry/call-observer.ts'
import { EventLog } from './telemetry/event-log.ts'
import type { Logger } from './telemetry/logger.ts'
import { quietly } from './telemetry/watch-call.ts'
import { type KeyUsageReport, keyUsage, type UsageFilter, type UsageReport, usageReport } from './usage-report.ts'
import { Workflow, type WorkflowOptions, type WorkflowParts } from './workflow.ts'

/** The options of {@link createFarebox}. Only `store` and `providers` are required. */
export interface FareboxOptions {
  /** Where credits are kept: `sqlite({ filename })` or `postgres({ connectionString })`. */
  store: LedgerDriver
  /** The providers that may be called. An adapter without its key is disabled, and its traffic goes to the others. */
  providers: readonly ProviderAdapter[]
  /** How providers are chosen, unless an agent or a workflow has its own configuration. @defaultValue `presets.balanced()` */
  configuration?: ServiceConfiguration
  /** What customers pay, in credits. @defaultValue {@link defaultPriceBook} */
  prices?: PriceBook
  /** What providers charge, in US dollars. @defaultValue {@link defaultCostBook} */
  costs?: PriceBook
  /** Your own use cases, in addition to `emergencyservices` and `languagelearning`. */
  businessAdapters?: readonly BusinessAdapter[]
  /** How long calls may take. */
  deadlines?: Deadlines
  /**
   * How long live transcriptions and conversations may last, and how long their providers may stay silent.
   * @defaultValue four hours
   */
  liveDeadlines?: LiveDeadlines
  /** How often a failed request is retried at the same provider before it falls back to the next one. */
  retries?: Retries
  /**
   * How many calls each adapter handles at once: `{ byAdapter: { openai: 20 } }`. Further calls wait, or go to the next provider.
   * @defaultValue no limit
   */
  concurrency?: ConcurrencyOptions
  /**
   * Hedges slow requests: asks a second provider in parallel and takes the first answer. The hedge starts after `afterMs`
   * milliseconds, or with `p95` after the time within which 95% of the first provider's answers arrive. At most a `share` of
   * requests is hedged, 0.05 by default. Unused hedges are saved, up to `burst`. You pay for the answer that is not used.
   * @defaultValue never
   */
  hedge?: { afterMs: number | 'p95' } & HedgeBudgetOptions
  /** Whether a prompt that one provider refused for its content may be sent to the next one. @defaultValue false */
  allowContentPolicyFallback?: boolean
  /** Judges the complexity of chats with `complexity: 'auto'`. @defaultValue a cautious judgment by the chat's features */
  classifier?: ComplexityClassifier
  /**
   * How long to keep reading a stream whose reader has left, in milliseconds, if its provider bills abandoned answers: the end of
   * the stream tells what it bills. @defaultValue 10_000
   */
  drainMs?: number
  /**
   * Loads the tokenizers that count a prompt before it is sent. Without one, each byte of the prompt holds the price of a token.
   * @defaultValue those of the package `gpt-tokenizer`, if it is installed; they are loaded with the first chat
   */
  loadTokenizers?: LoadTokenizers
  /** The balance that an account needs to create an API key. @defaultValue 5_000 credits */
  minimumCreditsForApiKey?: Credits
  /**
   * Where usage is kept while the database is unavailable, to be charged when it is back.
   * @defaultValue none: the charge is retried for a second, then lost
   */
  spool?: UsageSpoolOptions
  /** What a credit costs and who sells it, as FOCUS exports need it. @defaultValue none: there are no FOCUS exports */
  focus?: FocusOptions
  /** Whether the ledger emits an event for each workflow that closes. @defaultValue false */
  closedWorkflowEvents?: boolean
  /** Who pays for failed attempts that their provider bills all the same. @defaultValue `ours`: customers pay for answers only */
  failedAttempts?: FailedAttempts
  /** Called with errors that nobody awaits, such as a stream whose charge could not be written. @defaultValue no callback */
  onError?: (error: unknown) => void
  /**
   * The host's logger. Farebox logs failed attempts, fallbacks, providers that become unhealthy, refused and failed calls,
   * spooled usage, reconciliation and responses of 500 and above, with ids and codes but no texts.
   * @defaultValue nothing is logged
   */
  logger?: Logger
  /** Observers of calls: `openTelemetry()` of `farebox/opentelemetry`, or your own. @defaultValue none */
  telemetry?: CallObserver | readonly CallObserver[]
  /**
   * The clock that dates records, selects prices and times how long an unhealthy provider is left alone. The durations and
   * deadlines of calls use a monotonic clock instead. @defaultValue the host's
   */
  clock?: Clock
  /** The source of randomness in routing, retries and hedges: numbers from 0 up to 1. @defaultValue `Math.random` */
  random?: () => number
}

/**
 * Creates a Farebox, which routes every call to a suitable provider and charges it to a prepaid balance.
 *
 * @throws {InvalidOptionError} `store` or `providers` is missing, two adapters have the same name, an option is unknown, wrong or
 * out of range, or a configuration names an unknown provider
 */
export function createFarebox(options: FareboxOptions): Farebox {
  return new Farebox(options)
}

/** The router, the prices and the ledger of one application. Made by {@link createFarebox}. */
export class Farebox {
  /** The ledger, for everything about accounts, grants and keys. */
  readonly ledger: Ledger
  readonly catalog: Catalog
  readonly providers: readonly ProviderAdapter[]
  readonly configuration: ServiceConfiguration
  readonly prices: BookPrices
  readonly health: ShareableHealth
  readonly concurrency: Concurrency
  readonly agents: Agents
  /** The counters behind `/metrics`. */
  readonly metrics = new BoxMetrics()
  /** Writes to the host's logger. */
  readonly log: EventLog
  /** @internal Streams that wait for their readers. */
  readonly streams = new OpenStreams()
  /** @internal What configurations may name. */
  readonly providerNames: ProviderNames
  /** The options of FOCUS exports, if the host has set them. */
  readonly focus: FocusOptions | undefined
  /** The use cases available by name: your own, then the built-in ones whose names yours do not take. */
  readonly businessAdapters: readonly BusinessAdapter[]
  readonly #parts: WorkflowParts
  readonly #running = new Set<Promise<unknown>>()
  readonly #onError: (error: unknown) => void
  /** Times how long an unhealthy provider is left alone. */
  readonly #healthClock: Clock

  constructor(options: FareboxOptions) {
    this.providerNames = checkOptions(options)
    const clock = options.clock ?? systemClock
    this.providers = options.providers
    this.focus = options.focus
    this.catalog = createCatalog(options.providers)
    this.configuration = options.configuration ?? presets.balanced()
    this.prices = new BookPrices(options.prices ?? defaultPriceBook, options.costs ?? defaultCostBook, clock)
    this.#healthClock = options.clock ?? steadyClock
    this.health = createHealth({ clock: this.#healthClock })
    this.concurrency = createConcurrency(options.concurrency)
    this.ledger = new Ledger(options.store, {
      minimumCreditsForApiKey: options.minimumCreditsForApiKey,
      spool: options.spool,
      closedWorkflowEvents: options.closedWorkflowEvents,
    })
    const own = options.businessAdapters ?? []
    const isTaken = (name: string) => own.some((adapter) => adapter.name === name)
    this.businessAdapters = [...own, ...Object.values(businessAdapters).filter(({ name }) => !isTaken(name))]
    this.log = new EventLog(options.logger, this.health)
    this.#onError = (error) => {
      this.log.unawaited(error)
      quietly(() => options.onError?.(error))
    }
    const { telemetry = [] } = options
    this.#parts = {
      ledger: this.ledger,
      catalog: this.catalog,
      prices: this.prices,
      health: this.health,
      configuration: this.configuration,
      deadlines: options.deadlines ?? {},
      liveDeadlines: options.liveDeadlines ?? {},
      retries: options.retries,
      concurrency: this.concurrency,
      hedge: options.hedge && { afterMs: options.hedge.afterMs, budget: createHedgeBudget(options.hedge) },
      allowContentPolicyFallback: options.allowContentPolicyFallback,
      classifier: options.classifier,
      drainMs: options.drainMs ?? 10_000,
      random: options.random ?? Math.random,
      loadTokenizers: options.loadTokenizers,
      clock,
      background: (work) => this.background(work),
      streams: this.streams,
      failedAttempts: options.failedAttempts ?? 'ours',
      onError: this.#onError,
      observers: [this.metrics, ...(options.logger ? [this.log] : []), ...[telemetry].flat()],
      slicedCalls: new SlicedCalls({ ledger: this.ledger, prices: this.prices }),
    }
    this.agents = new Agents(this.ledger, {
      configuration: this.configuration,
      businessAdapter: (name) => this.businessAdapter(name),
      names: this.providerNames,
    })
  }

  /** Brings the store's tables up to date. */
  migrate(): Promise<MigrationReport> {
    return this.ledger.migrate()
  }

  /**
   * Waits for the calls, charges and refunds under way, and for workflows that are being closed, then closes the store. Streams may
   * continue for `graceMs`, then they end as if their readers had left: their providers are stopped, and what they have produced is
   * charged. Metered time that is still running ends then as well, and is charged for the time reached. A phone call is never cut
   * short: closing waits for its end.
   *
   * @param options.graceMs  milliseconds. @defaultValue 10_000
   * @throws {InvalidOptionError} an option is unknown, or `graceMs` is negative, or more than a timer can wait
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    checkOptionNames(options, { graceMs: true }, 'close()')
    const { graceMs = 10_000 } = options
    if (!(graceMs >= 0 && graceMs <= TIMER_MS_MAX)) {
      throw new InvalidOptionError(`graceMs must be milliseconds from 0 to ${TIMER_MS_MAX}, received ${graceMs}`)
    }
    const timer = setTimeout(() => this.streams.stop(), graceMs)
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
    clearTimeout(timer)
    await this.ledger.close()
  }

  /** Runs work in the background that nobody awaits, such as the settlement of a stream. {@link close} waits for it. */
  background(work: Promise<unknown>, onError: (error: unknown) => void = this.#onError): void {
    const ended = () => void this.#running.delete(work)
    this.#running.add(work)
    void work.then(ended, (error: unknown) => {
      ended()
      quietly(() => onError(error))
    })
  }

  /**
   * Starts or resumes a workflow of an account. The ledger opens it with its first use.
   *
   * @throws {InvalidOptionError} an option is unknown, or its configuration is incomplete, names an unknown provider, or has a limit
   *   that is not an amount of credits
   */
  workflow(options: WorkflowOptions): Workflow {
    checkWorkflow(options, this.providerNames)
    return new Workflow(this.#parts, options)
  }

  /**
   * Authenticates a caller by API key, and starts or resumes a workflow that this key pays for.
   *
   * @param secret  the key: `fbx_…`
   * @throws {UnauthorizedError} the key does not exist, was revoked or has expired
   */
  async workflowOf(secret: string | undefined, options: Omit<WorkflowOptions, 'accountId' | 'apiKey'>): Promise<Workflow> {
    const apiKey = await this.authenticate(secret)
    return this.workflow({ ...options, apiKey, accountId: apiKey.accountId })
  }

  /**
   * Finds the API key that a secret belongs to.
   *
   * @throws {UnauthorizedError} there is no secret, or the key does not exist, was revoked or has expired
   */
  async authenticate(secret: string | undefined): Promise<AuthenticatedKey> {
    if (!secret) throw new UnauthorizedError('an API key is needed: send Authorization: Bearer fbx_…')
    const key = await this.ledger.authenticate(secret)
    if (!key) throw new UnauthorizedError('the API key does not exist, was revoked or has expired')
    return key
  }

  /** Finds a business adapter by name. Your own take precedence over the built-in ones. */
  businessAdapter(name: string): BusinessAdapter {
    return resolveBusinessAdapter(name, this.businessAdapters)
  }

  /**
   * Estimates what planned work will cost, by service and in total, without calling a provider. For texts, use
   * {@link estimateTexts}.
   *
   * @throws {InvalidInputError} a field is unknown, a count is impossible, or `messages` or `tts_text` is given
   */
  estimate(input: EstimateInput): EstimateReport {
    checkEstimate('estimate', input)
    const { configuration } = applyConditions(parseServiceConfiguration(input.service_configuration ?? {}, this.configuration))
    return estimateWorkflow(this.prices.book, configuration, input, this.#parts.clock(), this.#known())
  }

  /**
   * Like {@link estimate}, but counts texts first: `messages` in tokens of each model that may answer, `tts_text` in characters.
   *
   * @throws {InvalidInputError} a field is unknown, or a count is impossible
   */
  async estimateTexts(input: EstimateInput): Promise<EstimateReport> {
    checkEstimate('estimateTexts', input)
    const { configuration } = applyConditions(parseServiceConfiguration(input.service_configuration ?? {}, this.configuration))
    const { messages, max_output_tokens: outputTokensMax, tts_text: text } = input
    const known: KnownOfWork = { ...this.#known(), ...(text && { speech: characterUsage(text) }) }
    if (messages) {
      const offers = offersFor(this.catalog, 'gpt', undefined)
      const measure = await measureChat({ messages, outputTokensMax }, offers, this.#parts.loadTokenizers)
      // If nobody offers it, the provider's name serves as the model's.
      known.chat = (provider) => {
        const offer = this.#offerOf('gpt', provider)
        return offer ? usageOfOffer(measure, offer) : chatUsageRange(measure, provider)
      }
    }
    return estimateWorkflow(this.prices.book, configuration, input, this.#parts.clock(), known)
  }

  /** Estimates use the price of the model on offer, as calls do. */
  #known(): KnownOfWork {
    return { modelOf: (service, provider) => this.#offerOf(service, provider)?.model }
  }

  /** Prefers an adapter that is ready: one without its key takes no calls, and may name another model. */
  #offerOf(service: string, provider: string): Offer | undefined {
    const named = this.catalog.forService(service).filter(({ offer }) => offer.provider === provider)
    return (named.find(({ adapter }) => adapter.availability.status === 'ready') ?? named[0])?.offer
  }

  /** Lists the offers of real providers that will be retired within so many days, so that you can switch models in time. */
  retiring(withinDays = 90): RetiringOffer[] {
    return retiringOffers(this.catalog, this.prices, this.#parts.clock(), withinDays)
  }

  /**
   * Compares the ledger's records with the providers' own, where an adapter can fetch them, and corrects what was only estimated:
   * prices that arrived late, and phone calls whose outcome was unknown. If you make phone calls, run it about every minute.
   *
   * @throws {InvalidOptionError} an option is unknown, or `from` is not before `until`
   */
  async reconcile(options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const { ledger, prices, providers } = this
    const report = await reconcile({ ledger, prices, providers, clock: this.#parts.clock }, options)
    this.log.reconciled(report)
    return report
  }

  /**
   * Deletes answers that were kept for requests with an idempotency key, which are kept until then. A request under such a key gets
   * `ANSWER_NOT_KEPT` from then on, and is never served or charged again. Run it daily, or let `farebox forget-answers` do so.
   *
   * @returns how many answers were deleted
   * @throws {InvalidOptionError} `olderThanMs` is less than an hour
   */
  forgetAnswers(options: ForgetAnswersOptions): Promise<number> {
    return forgetAnswers(this.ledger, options, this.now())
  }

  /**
   * Shares with the other processes on this store which providers are unhealthy, slow or at their limit. Call `start()` on the
   * result to begin, and `stop()` before {@link close}.
   *
   * @throws {InvalidOptionError} an option is unknown, or `everyMs` is not from 1 to what a timer can wait
   */
  shareHealth(options: Omit<ShareHealthOptions, 'clock'> = {}): SharedHealth {
    return shareHealth(this.health, this.ledger.health, { onError: this.#onError, ...options, clock: this.#healthClock })
  }

  /** Reports where an account's credits went. */
  usage(filter: UsageFilter): Promise<UsageReport> {
    return usageReport(this.ledger, filter)
  }

  /** Reports where the credits spent with one key went. `undefined` if the account has no key of that prefix. */
  keyUsage(accountId: string, prefix: string): Promise<KeyUsageReport | undefined> {
    return keyUsage(this.ledger, accountId, prefix)
  }

  /**
   * Recommends changes that would save credits, by what recorded calls would have cost under other configurations. It replays
   * them from the recorded decisions and usage, and calls no provider. It considers the newest 2,000 calls, unless `callsMax`
   * says otherwise.
   *
   * @throws {InvalidInputError} a field of the input is unknown, such as `name` for `workflowName`, or `callsMax` is no number above
   *   zero
   */
  async recommendations(input: RecommendInput): Promise<RecommendationReport> {
    return recommendationReport(await findSavings(this.#replayParts(), input))
  }

  /**
   * Computes what recorded work of one account or of all would have cost under another configuration or price book. It reads the
   * records a page at a time.
   *
   * @throws {InvalidOptionError} the input changes nothing, `from` is not before `to`, or an option or a field of a configuration
   *   is unknown or wrong
   */
  simulate(input: SimulateInput): Promise<Simulation> {
    return simulate(this.#replayParts(), input)
  }

  #replayParts(): SimulateParts {
    const { ledger, catalog, prices } = this
    const now = this.#parts.clock()
    const isRetired = (offer: Offer) => {
      const day = prices.retirementOf(offer)
      return day !== undefined && Date.parse(day) <= now
    }
    return { ledger, catalog, book: prices.book, classifier: this.#parts.classifier, isRetired, now }
  }

  /** The current time, in epoch milliseconds, by the Farebox's clock. */
  now(): number {
    return this.#parts.clock()
  }

  /**
   * Creates the HTTP API as a web-standard handler. Mount it with `farebox/express`, `farebox/koa`, Hono, or any server that
   * handles `Request`.
   */
  routes(options: RoutesOptions = {}): (request: Request) => Promise<Response> {
    return createRoutes(this, options)
  }
}
