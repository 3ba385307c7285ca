import {
  type Clock,
  type Credits,
  characterUsage,
  credits,
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
import { checkOptions, checkOwnConfiguration } from './check-options.ts'
import { TIMER_MS_MAX } from './check-times.ts'
import { UnauthorizedError } from './errors.ts'
import { type EstimateInput, type EstimateReport, estimateWorkflow, type KnownOfWork } from './estimate-workflow.ts'
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
import { BoxMetrics } from './telemetry/box-metrics.ts'
import type { CallObserver } from './telemetry/call-observer.ts'
import { EventLog } from './telemetry/event-log.ts'
import type { Logger } from './telemetry/logger.ts'
import { quietly } from './telemetry/watch-call.ts'
import { Turns } from './turns.ts'
import { type KeyUsageReport, keyUsage, type UsageFilter, type UsageReport, usageReport } from './usage-report.ts'
import { Workflow, type WorkflowOptions, type WorkflowParts } from './workflow.ts'

/** What {@link createFarebox} needs. Only `store` and `providers` must be given. */
export interface FareboxOptions {
  /** Where credits are kept: `sqlite({ filename })` or `postgres({ connectionString })`. */
  store: LedgerDriver
  /** Who may be called. One that lacks its key is disabled, and traffic goes to the others. */
  providers: readonly ProviderAdapter[]
  /** How services are chosen, unless an agent or a workflow has its own. @defaultValue `presets.balanced()` */
  configuration?: ServiceConfiguration
  /** What customers pay, in credits. @defaultValue {@link defaultPriceBook} */
  prices?: PriceBook
  /** What providers charge, in US dollars. @defaultValue {@link defaultCostBook} */
  costs?: PriceBook
  /** A team's own use cases, beside `emergencyservices` and `languagelearning`. */
  businessAdapters?: readonly BusinessAdapter[]
  /** How long calls may take. */
  deadlines?: Deadlines
  /** How long live transcriptions and conversations may take, and how long their providers may be silent. @defaultValue four hours */
  liveDeadlines?: LiveDeadlines
  /** How often a provider is asked again before the next one is. */
  retries?: Retries
  /** Calls that each adapter is given at once: `{ byAdapter: { openai: 20 } }`. The others wait, or go to the next provider. @defaultValue no limit */
  concurrency?: ConcurrencyOptions
  /**
   * Asks a second provider beside one that is slow, and takes the first answer: after so long, or longer than nineteen of twenty answers
   * took (`p95`). At most a `share` of requests, 0.05 by default, and up to `burst` saved up. We pay for the answer that is not taken.
   * @defaultValue never
   */
  hedge?: { afterMs: number | 'p95' } & HedgeBudgetOptions
  /** Whether a prompt that one provider refused for its content may be given to the next. @defaultValue false */
  allowContentPolicyFallback?: boolean
  /** Judges chats of complexity `auto`. @defaultValue by their features, cautiously */
  classifier?: ComplexityClassifier
  /**
   * How long a provider that bills abandoned answers is heard when the reader of a stream has left, in milliseconds, to know what it bills.
   * @defaultValue 10_000
   */
  drainMs?: number
  /**
   * Finds the tokenizers by which questions are counted before they are asked. Without one, a token is held for each byte.
   * @defaultValue those of the package `gpt-tokenizer`, where that is installed; they are loaded with the first chat
   */
  loadTokenizers?: LoadTokenizers
  /** Balance that an account needs to make an API key. @defaultValue 5_000 credits */
  minimumCreditsForApiKey?: Credits
  /** Where usage goes while the database is away, to be charged when it is back. @defaultValue none: it is tried again for a second, then lost */
  spool?: UsageSpoolOptions
  /** What a credit costs, and who sells it: what exports by FOCUS need. @defaultValue there are none */
  focus?: FocusOptions
  /** Whether each workflow that closes is told as an event of the ledger. @defaultValue false */
  closedWorkflowEvents?: boolean
  /** Who pays for attempts that failed and that their provider bills all the same. @defaultValue `ours`: customers pay for answers alone */
  failedAttempts?: FailedAttempts
  /** Told of failures that nobody awaits, such as a stream whose charge could not be written. @defaultValue nobody */
  onError?: (error: unknown) => void
  /**
   * The host's logger, which hears of failed attempts, fallbacks, providers that fall ill, refused and failed calls, spooled usage,
   * reconciliation and answers of 500 and above, with ids and codes and without texts. @defaultValue nothing is logged
   */
  logger?: Logger
  /** Who hears of calls: `openTelemetry()` of `farebox/opentelemetry`, or the team's own. @defaultValue nobody */
  telemetry?: CallObserver | readonly CallObserver[]
  /**
   * What time it is: dates what is recorded, chooses prices, and says how long a provider that is ill is left alone. How long calls take, and may
   * take, is measured by a clock that nobody sets. @defaultValue the host's
   */
  clock?: Clock
  /** From 0 up to 1: chance in routing, retries and hedges. @defaultValue `Math.random` */
  random?: () => number
}

/**
 * Routes every call to the provider that suits it, and charges it to a prepaid balance.
 *
 * @throws {InvalidOptionError} `store` or `providers` is missing, two adapters have the same name, an option is unknown, wrong or out of range, or a configuration names somebody whom nobody knows
 */
export function createFarebox(options: FareboxOptions): Farebox {
  checkOptions(options)
  return new Farebox(options)
}

/** Joins router, prices and ledger. Made by {@link createFarebox}. */
export class Farebox {
  /** The ledger itself, for everything about accounts, grants and keys. */
  readonly ledger: Ledger
  readonly catalog: Catalog
  readonly providers: readonly ProviderAdapter[]
  readonly configuration: ServiceConfiguration
  readonly prices: BookPrices
  readonly health: ShareableHealth
  readonly concurrency: Concurrency
  readonly agents: Agents
  /** What `/metrics` counts. */
  readonly metrics = new BoxMetrics()
  /** What the host's logger is told. */
  readonly log: EventLog
  /** @internal Those that wait for their readers. */
  readonly streams = new OpenStreams()
  /** What exports by FOCUS need, where the host has said it. */
  readonly focus: FocusOptions | undefined
  /** The use cases that can be asked for by name: the team's own, then ours whose names they have not taken. */
  readonly businessAdapters: readonly BusinessAdapter[]
  readonly #parts: WorkflowParts
  readonly #running = new Set<Promise<unknown>>()
  readonly #onError: (error: unknown) => void
  /** What a provider's pauses are measured by. */
  readonly #healthClock: Clock

  constructor(options: FareboxOptions) {
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
      minimumCreditsForApiKey: options.minimumCreditsForApiKey ?? credits(5_000),
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
      turns: new Turns(),
    }
    this.agents = new Agents(this.ledger, (name) => this.businessAdapter(name))
  }

  /** Brings the store's tables up to date. */
  migrate(): Promise<MigrationReport> {
    return this.ledger.migrate()
  }

  /**
   * Waits for the calls and charges under way, and closes the store. Streams may go on for `graceMs`; then they end as if their readers had left:
   * their providers are stopped, and what was produced is charged. So is metered time that nobody has ended, for as far as it has come. A
   * telephone call is waited for until it ends.
   *
   * @param options.graceMs  milliseconds. @defaultValue 10_000
   * @throws {InvalidOptionError} `graceMs` is no time that can be waited for
   */
  async close({ graceMs = 10_000 }: { graceMs?: number } = {}): Promise<void> {
    if (!(graceMs >= 0 && graceMs <= TIMER_MS_MAX)) {
      throw new InvalidOptionError(`graceMs must be milliseconds from 0 to ${TIMER_MS_MAX}, received ${graceMs}`)
    }
    const timer = setTimeout(() => this.streams.stop(), graceMs)
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
    clearTimeout(timer)
    await this.ledger.close()
  }

  /** Lets work go on that nobody awaits, such as the settlement of a stream. {@link close} waits for it. */
  background(work: Promise<unknown>, onError: (error: unknown) => void = this.#onError): void {
    const ended = () => void this.#running.delete(work)
    this.#running.add(work)
    void work.then(ended, (error: unknown) => {
      ended()
      quietly(() => onError(error))
    })
  }

  /**
   * A workflow of an account. It is written down with its first use.
   *
   * @throws {InvalidOptionError} its configuration is not whole, or its limit is no amount of credits
   */
  workflow(options: WorkflowOptions): Workflow {
    if (options.configuration !== undefined) checkOwnConfiguration(options.configuration)
    return new Workflow(this.#parts, options)
  }

  /**
   * The workflow of a caller who presents an API key.
   *
   * @param secret  the key: `fbx_…`
   * @throws {UnauthorizedError} the key does not exist, was revoked or has expired
   */
  async workflowOf(secret: string | undefined, options: Omit<WorkflowOptions, 'accountId' | 'apiKey'>): Promise<Workflow> {
    const apiKey = await this.authenticate(secret)
    return this.workflow({ ...options, apiKey, accountId: apiKey.accountId })
  }

  /** @throws {UnauthorizedError} there is no key, or it is not good */
  async authenticate(secret: string | undefined): Promise<AuthenticatedKey> {
    if (!secret) throw new UnauthorizedError('an API key is needed: send Authorization: Bearer fbx_…')
    const key = await this.ledger.authenticate(secret)
    if (!key) throw new UnauthorizedError('the API key does not exist, was revoked or has expired')
    return key
  }

  /** The business adapter of a name, the team's own first. */
  businessAdapter(name: string): BusinessAdapter {
    return resolveBusinessAdapter(name, this.businessAdapters)
  }

  /** What planned work will cost, by service and in total, before any call. */
  estimate(input: EstimateInput): EstimateReport {
    const { configuration } = applyConditions(parseServiceConfiguration(input.service_configuration ?? {}, this.configuration))
    return estimateWorkflow(this.prices.book, configuration, input, this.#parts.clock(), this.#known())
  }

  /** The same, with texts counted first: `messages` by the tokens of each model that may answer, `tts_text` by its characters. */
  async estimateTexts(input: EstimateInput): Promise<EstimateReport> {
    const { configuration } = applyConditions(parseServiceConfiguration(input.service_configuration ?? {}, this.configuration))
    const { messages, max_output_tokens: outputTokensMax, tts_text: text } = input
    const known: KnownOfWork = { ...this.#known(), ...(text && { speech: characterUsage(text) }) }
    if (messages) {
      const offers = offersFor(this.catalog, 'gpt', undefined)
      const measure = await measureChat({ messages, outputTokensMax }, offers, this.#parts.loadTokenizers)
      // Names of providers are models where nobody offers them.
      known.chat = (provider) => {
        const offer = this.#offerOf('gpt', provider)
        return chatUsageRange(measure, offer?.model ?? provider, offer?.capabilities.imageTokensMax)
      }
    }
    return estimateWorkflow(this.prices.book, configuration, input, this.#parts.clock(), known)
  }

  /** Calls are priced by the model that is offered, so what is planned is too. */
  #known(): KnownOfWork {
    return { modelOf: (service, provider) => this.#offerOf(service, provider)?.model }
  }

  /** The offer of whoever would be asked: an adapter without its key is asked nothing, and may name another model. */
  #offerOf(service: string, provider: string): Offer | undefined {
    const named = this.catalog.forService(service).filter(({ offer }) => offer.provider === provider)
    return (named.find(({ adapter }) => adapter.availability.status === 'ready') ?? named[0])?.offer
  }

  /** What is on offer, by real providers, and will be taken out of service within so many days: time to name another model. */
  retiring(withinDays = 90): RetiringOffer[] {
    return retiringOffers(this.catalog, this.prices, this.#parts.clock(), withinDays)
  }

  /**
   * Compares our records with those that the providers keep, where an adapter can tell them, and sets right what was only estimated: prices
   * that came late, and phone calls whose outcome was unknown. Run it every minute or so where phone calls are made.
   */
  async reconcile(options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const { ledger, prices, providers } = this
    const report = await reconcile({ ledger, prices, providers, clock: this.#parts.clock }, options)
    this.log.reconciled(report)
    return report
  }

  /**
   * Lets the processes on this store tell each other which providers are ill, slow or at their limit. `start()` begins, `stop()` ends it, to
   * be called before {@link close}.
   */
  shareHealth(options: Omit<ShareHealthOptions, 'clock'> = {}): SharedHealth {
    return shareHealth(this.health, this.ledger.health, { onError: this.#onError, ...options, clock: this.#healthClock })
  }

  /** Where an account's credits went. */
  usage(filter: UsageFilter): Promise<UsageReport> {
    return usageReport(this.ledger, filter)
  }

  /** Where the credits of one key went. */
  keyUsage(accountId: string, prefix: string): Promise<KeyUsageReport | undefined> {
    return keyUsage(this.ledger, accountId, prefix)
  }

  /**
   * Where credits could be saved: what recorded calls would have cost under other configurations. They are made again on paper, from the
   * decisions and the counts that are kept; no provider is called. The newest 2,000 calls are looked at, unless `callsMax` says otherwise.
   */
  async recommendations(input: RecommendInput): Promise<RecommendationReport> {
    return recommendationReport(await findSavings(this.#replayParts(), input))
  }

  /**
   * What recorded work would have cost under another configuration or price book: of one account or of all, read a page at a time.
   *
   * @throws {InvalidOptionError} nothing is to be different, or `from` is not before `to`
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

  /** The time by which prices are looked up and durations measured. */
  now(): number {
    return this.#parts.clock()
  }

  /** The HTTP API as a web-standard handler: mount it with `farebox/express`, `farebox/koa`, Hono, or any server that speaks `Request`. */
  routes(options: RoutesOptions = {}): (request: Request) => Promise<Response> {
    return createRoutes(this, options)
  }
}
