import {
  checkOptionNames,
  checkOptionType,
  describeOption,
  InvalidOptionError,
  type Offer,
  type ProviderAdapter,
} from '@farebox/core'
import { resolveFocusOptions } from '@farebox/ledger/export'
import { defaultPriceBook } from '@farebox/pricing'
import { checkServiceConfiguration, type ServiceConfiguration } from '@farebox/router'
import { ProviderNames } from './check-named-providers.ts'
import { checkTimes } from './check-times.ts'
import type { FareboxOptions } from './farebox.ts'
import { MountedWorkflow } from './mount-workflow.ts'
import type { WorkflowOptions } from './workflow.ts'

const known: Record<keyof FareboxOptions, true> = {
  store: true,
  providers: true,
  configuration: true,
  prices: true,
  costs: true,
  businessAdapters: true,
  deadlines: true,
  liveDeadlines: true,
  retries: true,
  concurrency: true,
  hedge: true,
  allowContentPolicyFallback: true,
  classifier: true,
  drainMs: true,
  loadTokenizers: true,
  minimumCreditsForApiKey: true,
  spool: true,
  focus: true,
  closedWorkflowEvents: true,
  failedAttempts: true,
  onError: true,
  logger: true,
  telemetry: true,
  clock: true,
  random: true,
}

/**
 * Rejects invalid options, for hosts without TypeScript and for what its types cannot express.
 *
 * @returns the names that configurations may use
 * @throws {InvalidOptionError} an option is invalid; the message names it and what it should be
 */
export function checkOptions(options: FareboxOptions): ProviderNames {
  const { store, providers, configuration, businessAdapters = [], prices, costs, failedAttempts = 'ours' } = options ?? {}
  if (!store) throw new InvalidOptionError('store is missing: give sqlite({ filename }) or postgres({ connectionString })')
  if (typeof store !== 'object') {
    throw new InvalidOptionError('store must be what sqlite({ filename }) or postgres({ connectionString }) returns')
  }
  checkOptionNames(options, known, 'createFarebox()')
  if (!Array.isArray(providers)) throw new InvalidOptionError('providers must be a list of adapters')
  for (const [index, adapter] of providers.entries()) checkAdapter(adapter, index)
  for (const [option, book] of Object.entries({ prices, costs })) {
    if (book === undefined || typeof book.find === 'function') continue
    throw new InvalidOptionError(`${option} must be a price book: new PriceBook(document)`)
  }
  if (failedAttempts !== 'ours' && failedAttempts !== 'charged') {
    throw new InvalidOptionError(`failedAttempts must be 'ours' or 'charged', received ${JSON.stringify(failedAttempts)}`)
  }
  const names = new ProviderNames({ providers, prices: prices ?? defaultPriceBook })
  if (configuration !== undefined) {
    checkServiceConfiguration(configuration)
    names.check(configuration)
  }
  if (!Array.isArray(businessAdapters)) throw new InvalidOptionError('businessAdapters must be a list')
  for (const adapter of businessAdapters) {
    const option = `the configuration of business adapter ${adapter.name}`
    checkServiceConfiguration(adapter.configuration, option)
    names.check(adapter.configuration, option)
  }
  checkTimes(options)
  checkLimitedAdapters(options)
  checkParts(options)
  return names
}

/** A limit under a misspelt name would limit nobody. */
function checkLimitedAdapters({ concurrency, providers }: FareboxOptions): void {
  const names = providers.map(({ name }) => name)
  for (const name of Object.keys(concurrency?.byAdapter ?? {})) {
    if (names.includes(name)) continue
    const adapters = `the adapters are ${names.join(', ')}`
    throw new InvalidOptionError(`concurrency.byAdapter names ${JSON.stringify(name)}, which is no adapter: ${adapters}`)
  }
}

/** Rejects what would be called only later, and then fail, or silently do nothing. */
function checkParts(options: FareboxOptions): void {
  const { allowContentPolicyFallback, classifier, focus, logger, telemetry = [] } = options
  checkOptionType('allowContentPolicyFallback', allowContentPolicyFallback, 'boolean')
  for (const name of ['onError', 'clock', 'random', 'loadTokenizers'] as const) checkOptionType(name, options[name], 'function')
  if (classifier !== undefined && typeof classifier?.classify !== 'function') {
    const received = describeOption(classifier)
    throw new InvalidOptionError(`classifier must be an object with the method classify, received ${received}`)
  }
  for (const method of logger === undefined ? [] : (['debug', 'info', 'warn', 'error'] as const)) {
    if (typeof logger?.[method] === 'function') continue
    throw new InvalidOptionError(`logger must have the methods debug, info, warn and error: ${method} is missing`)
  }
  for (const observer of [telemetry].flat() as unknown[]) {
    if (typeof observer === 'object' && observer !== null) continue
    const expected = 'an observer such as openTelemetry(), or a list of them'
    throw new InvalidOptionError(`telemetry must be ${expected}: received ${describeOption(observer)}`)
  }
  if (focus !== undefined) resolveFocusOptions(focus)
}

function checkAdapter(adapter: ProviderAdapter, index: number): void {
  if (typeof adapter?.name !== 'string' || !Array.isArray(adapter.offers) || !adapter.availability) {
    const called = typeof adapter === 'function' ? ': a function was given, call it' : ''
    throw new InvalidOptionError(`providers[${index}] is not an adapter such as openai({ apiKey }) or simulated()${called}`)
  }
  for (const [at, offer] of adapter.offers.entries()) checkOffer(offer, `providers[${index}].offers[${at}] of ${adapter.name}`)
}

/** Routing compares these numbers, and would silently prefer or exclude an offer that lacks one. */
function checkOffer(offer: Offer, option: string): void {
  for (const name of ['service', 'provider', 'model'] as const) {
    if (typeof offer?.[name] !== 'string' || offer[name] === '') throw new InvalidOptionError(`${option}: ${name} is missing`)
  }
  const { capabilities, quality, latencyMs } = offer
  if (typeof capabilities !== 'object' || capabilities === null) {
    throw new InvalidOptionError(
      `${option}: capabilities must be an object, {} if it has none, received ${JSON.stringify(capabilities)}`,
    )
  }
  if (!(typeof quality === 'number' && quality >= 0 && quality <= 1)) {
    throw new InvalidOptionError(`${option}: quality must be a number from 0 to 1, received ${String(quality)}`)
  }
  if (!(typeof latencyMs === 'number' && latencyMs >= 0 && Number.isFinite(latencyMs))) {
    throw new InvalidOptionError(`${option}: latencyMs must be a number of milliseconds, received ${String(latencyMs)}`)
  }
}

/** Includes what `ledger.openWorkflow` answers, since hosts hand that on as it is. */
const knownOfWorkflow: Record<keyof WorkflowOptions | 'status' | 'replayed' | 'reserved' | 'reserveHoldId', true> = {
  accountId: true,
  name: true,
  workflowId: true,
  configuration: true,
  apiKey: true,
  userId: true,
  businessAdapter: true,
  maxCredits: true,
  reserve: true,
  metadata: true,
  signal: true,
  idempotencyKey: true,
  isOpened: true,
  isOneCall: true,
  status: true,
  replayed: true,
  reserved: true,
  reserveHoldId: true,
}

/**
 * Checks a workflow's options for mistakes that would only show up elsewhere, or never. It does not check everything, because it
 * may run for each request.
 *
 * @throws {InvalidOptionError} an option is unknown, or the configuration is incomplete, names an unknown provider, or has a limit that
 *   is not an amount of credits
 */
export function checkWorkflow(options: WorkflowOptions, names: ProviderNames): void {
  // Those of a mounted workflow were checked when it was mounted.
  if (options instanceof MountedWorkflow) return
  checkOptionNames(options, knownOfWorkflow, 'workflow()')
  const { configuration } = options
  if (configuration === undefined) return
  checkOwnConfiguration(configuration)
  names.check(configuration)
}

function checkOwnConfiguration(configuration: ServiceConfiguration): void {
  const { conditions, maxCreditsPerRequest } = configuration ?? {}
  if (Array.isArray(conditions) && (maxCreditsPerRequest === null || typeof maxCreditsPerRequest === 'bigint')) return
  checkServiceConfiguration(configuration)
}
