import { credits, microUnits, type Offer, quantity } from '@farebox/core'
import { type AuthenticatedKey, keyPermission } from '@farebox/ledger'
import {
  type Catalog,
  type CatalogEntry,
  type ComplexityClassifier,
  type DecisionRecord,
  namedProviders,
  parseServiceConfiguration,
  presets,
  pricedOffer,
  replayDecision,
  type ServiceConfiguration,
} from '@farebox/router'
import { sumOf } from '../live/live-meter.ts'
import type { RecordedCall } from './recorded-call.ts'
import type { ReplayPrices } from './replay-prices.ts'
import type { RatedSlice, Replayed, Seller } from './replay-workflow.ts'

/** The conditions of a replay. */
export interface ReplayUnder {
  /** Derives a call's configuration from its own. @defaultValue unchanged */
  configure?: (then: ServiceConfiguration) => ServiceConfiguration
  /** The configuration that work done outside Farebox would follow. @defaultValue such work stays as it was */
  elsewhere?: ServiceConfiguration
  prices: ReplayPrices
  /** Whether `prices` is another book than the one that charged. Calls that stay at their provider are priced again then. */
  arePricesOther: boolean
}

/** A configuration without providers. Combined with some fields, it names only the providers of these fields. */
const NAMELESS: ServiceConfiguration = {
  ...presets.balanced(),
  primaryAiModel: '',
  fallbackAiModel: null,
  ttsProvider: null,
  sttProvider: null,
  phoneProvider: null,
  visionModel: null,
}

/**
 * The configuration for work done outside Farebox if only some fields change. It names only the providers that these fields name.
 */
export function namedBy(changes: Partial<ServiceConfiguration>): ServiceConfiguration {
  return { ...NAMELESS, ...changes }
}

/** The provider to ask. */
interface Choice extends Seller {
  /** The one that it is tried out instead of, at the host's expense: the customer pays no more than there. */
  insteadOf?: Seller | undefined
}

/** The parts of a Farebox that replaying its calls uses. */
export interface ReplayParts {
  /** Today's offers. If absent, they are those that a decision considered, or that the price book has a price for. */
  catalog: Catalog | undefined
  classifier: ComplexityClassifier | undefined
  /** The account's current API keys, by id. */
  keys: ReadonlyMap<string, Pick<AuthenticatedKey, 'services'>>
  /** Whether an offer's model is retired by now. */
  isRetired(offer: Offer): boolean
}

/** Why a call is counted as it was, in words. */
const reasons = {
  failed_attempt: 'failed attempts: no configuration can be known to have avoided them',
  corrected: 'calls that were refunded or corrected afterwards',
  not_offered: 'no provider that the configuration names is on offer and ready',
  not_allowed: 'the API key may not use that provider',
  images: 'models count images differently, and there is no count for the other provider',
  no_price: 'the price book has no rate for what was counted',
} as const

/**
 * Replays recorded calls: keeps the request and its usage, but chooses the provider and prices the usage anew. Calls no provider.
 */
export class CallReplay {
  readonly #parts: ReplayParts
  readonly #catalogs = new Map<string, { real: Catalog; all: Catalog }>()
  readonly #configurations = new Map<string, ServiceConfiguration>()

  constructor(parts: ReplayParts) {
    this.#parts = parts
  }

  replay(call: RecordedCall, under: ReplayUnder): Replayed {
    if (call.fixedBecause) return same(reasons[call.fixedBecause])
    const choice = call.decision ? this.#routed(call, call.decision, under) : this.#elsewhere(call, under)
    if (typeof choice === 'string') return same(choice, call.decision && this.#isServed(call, call.decision, under))
    const before = { provider: call.provider, model: call.model, insteadOf: insteadOf(call) }
    if (choice && !isSameChoice(choice, before)) return this.#priced(call, choice, under)
    return under.arePricesOther ? this.#priced(call, before, under) : same()
  }

  /** The offers that may serve a call today: ready, not retired, and simulated only if the call was. */
  standIns({ service, decision, isSimulated }: RecordedCall): readonly CatalogEntry[] {
    const real = this.#catalogOf(service, false).forService(service)
    // Work done outside Farebox does not tell. If no real provider is on offer, this must be a trial.
    const isTrial = decision ? isSimulated : real.length === 0
    return isTrial ? this.#catalogOf(service, true).forService(service) : real
  }

  #priced(call: RecordedCall, { provider, model, insteadOf }: Choice, under: ReplayUnder): Replayed {
    const { service, at, numbers, decision } = call
    const quantities = countedBy(call, { provider, model })
    if (!quantities) return same(`${reasons.images}: ${provider}`, true)
    const recorded = decision ? [...decision.candidates, ...decision.rejected] : []
    const offers = this.#parts.catalog?.forService(service).map(({ offer }) => offer) ?? recorded
    const pricedModelOf = (seller: Seller) => {
      if (seller.provider === call.provider && seller.model === call.model) return call.pricedModel
      const found = offers.find((offer) => offer.provider === seller.provider && offer.model === seller.model)
      return found && decision ? pricedOffer(found, decision.operation).model : seller.model
    }
    const sourceOf = (seller: Seller) => ({ service, provider: seller.provider, model: pricedModelOf(seller), at, ...numbers })
    const source = sourceOf({ provider, model })
    const price = under.prices.priceOf(source, quantities)
    if (!price) return same(`${reasons.no_price}: ${provider}`, decision !== undefined)
    const instead = insteadOf && under.prices.priceOf(sourceOf(insteadOf), quantities)
    return {
      isSame: false,
      provider,
      model: source.model,
      quantities,
      insteadOf: insteadOf && sourceOf(insteadOf),
      ...(instead && instead.rated < price.rated ? instead : price),
      ...(call.parts.some(({ unit }) => unit !== call.unit) && {
        slices: slicesOf(call, (used) => under.prices.priceOf(source, used)?.rated),
      }),
    }
  }

  /** The provider that would have been asked first: `undefined` if it is the same one, or a reason in words if there is none. */
  #routed(
    call: RecordedCall,
    decision: DecisionRecord,
    { configure, prices, arePricesOther }: ReplayUnder,
  ): Choice | string | undefined {
    if (!configure && !arePricesOther) return undefined
    const record = this.#planned(call, decision, { configure, prices })
    if (record.outcome !== 'planned') return record.message ?? record.outcome
    const [first, before] = [firstOf(record), firstOf(decision)]
    if (!first || (before && isSameChoice(first, before))) return undefined
    // The same one is asked first, and did not answer.
    if (before && isSameSeller(first, before) && call.provider !== first.provider) return undefined
    const limit = this.#permission(call, first.provider)?.costLimitPerRequest ?? null
    return limit !== null && credits(first.ceiling) > limit ? reasons.not_allowed : first
  }

  /** Makes the decision again, as it would be made today. */
  #planned(call: RecordedCall, decision: DecisionRecord, { configure, prices }: Pick<ReplayUnder, 'configure' | 'prices'>) {
    const isCatalogAsked = configure && this.#parts.catalog
    const { record } = replayDecision(this.#asAllowed(call, decision), {
      ...(configure && { configuration: configure(this.#configurationOf(decision)) }),
      // If the configuration is the same, so are the offers, however the catalog has changed since.
      ...(isCatalogAsked && { catalog: this.#catalogOf(call.service, call.isSimulated) }),
      prices: prices.asOf(call.at),
      classifier: this.#parts.classifier,
    })
    return record
  }

  /** Whether a provider would serve the call today in its own configuration. If so, the change is what leaves it unserved. */
  #isServed(call: RecordedCall, decision: DecisionRecord, { prices }: ReplayUnder): boolean {
    return this.#planned(call, decision, { configure: (then) => then, prices }).outcome === 'planned'
  }

  /** Chooses for work done outside Farebox: the first provider that the configuration names for its service. */
  #elsewhere(call: RecordedCall, { elsewhere, prices }: ReplayUnder): Choice | string | undefined {
    if (!elsewhere) return undefined
    const names = namedProviders(elsewhere, call.service)
    if (names.length === 0) return undefined
    const { service, at, quantities } = call
    for (const provider of names) {
      if (provider === call.provider) return undefined
      const offer = this.standIns(call).find((entry) => entry.offer.provider === provider)?.offer
      const isOffered = this.#parts.catalog
        ? offer !== undefined
        : prices.priceOf({ service, provider, at }, quantities) !== undefined
      if (!isOffered) continue
      if (!this.#permission(call, provider)) return reasons.not_allowed
      // Work that was recorded without a model is priced by its provider only.
      return { provider, model: call.model === undefined ? undefined : offer?.model }
    }
    return reasons.not_offered
  }

  /** Excludes from a decision the providers that the API key may not use today. */
  #asAllowed(call: RecordedCall, decision: DecisionRecord): DecisionRecord {
    const known = [...decision.candidates, ...decision.rejected]
    const offered = this.#parts.catalog?.forService(call.service).map(({ offer }) => offer) ?? known
    const barred = offered.map(({ provider }) => provider).filter((provider) => !this.#permission(call, provider))
    if (barred.length === 0) return decision
    const excludes = [...new Set([...(decision.request.excludes ?? []), ...barred])]
    return { ...decision, request: { ...decision.request, excludes } }
  }

  /** What the call's API key may use of a provider today. `undefined` if nothing. */
  #permission({ apiKeyId, service }: RecordedCall, provider: string): ReturnType<typeof keyPermission> {
    const key = apiKeyId === undefined ? undefined : this.#parts.keys.get(apiKeyId)
    return key ? keyPermission(key, service, provider) : { costLimitPerRequest: null }
  }

  #catalogOf(service: string, isSimulated: boolean): Catalog {
    const known = this.#catalogs.get(service) ?? this.#readyCatalogs(service)
    this.#catalogs.set(service, known)
    return isSimulated ? known.all : known.real
  }

  #readyCatalogs(service: string) {
    const { catalog, isRetired } = this.#parts
    const ready = (catalog?.forService(service) ?? []).filter(
      ({ adapter, offer }) => adapter.availability.status === 'ready' && (adapter.isSimulated || !isRetired(offer)),
    )
    const real = ready.filter(({ adapter }) => !adapter.isSimulated)
    const of = (entries: readonly CatalogEntry[]): Catalog => ({
      services: [service],
      forService: (asked) => (asked === service ? entries : []),
    })
    return { real: of(real), all: of(ready) }
  }

  #configurationOf({ configuration: { differs } }: DecisionRecord): ServiceConfiguration {
    const name = JSON.stringify(differs)
    const known = this.#configurations.get(name)
    if (known) return known
    // Applications have a few configurations. One that makes a new one for each call must not exhaust the memory.
    if (this.#configurations.size >= 1_000) this.#configurations.clear()
    const configuration = parseServiceConfiguration(differs)
    this.#configurations.set(name, configuration)
    return configuration
  }
}

/** The candidate that a decision asks first. */
function firstOf({ candidates, exploration }: DecisionRecord): (DecisionRecord['candidates'][number] & Choice) | undefined {
  const [first] = candidates
  return first && { ...first, insteadOf: exploration?.candidate === 0 ? candidates[exploration.insteadOf] : undefined }
}

/** The one that the provider of a call was tried out instead of. */
export function insteadOf({ provider, pricedAs, decision }: RecordedCall): Seller | undefined {
  const first = decision && firstOf(decision)
  const tried = first?.provider === provider ? first.insteadOf : undefined
  return pricedAs === undefined || tried?.provider === pricedAs ? tried : { provider: pricedAs, model: undefined }
}

function isSameSeller(one: Seller | undefined, other: Seller | undefined): boolean {
  return one?.provider === other?.provider && one?.model === other?.model
}

function isSameChoice(one: Choice, other: Choice): boolean {
  return isSameSeller(one, other) && isSameSeller(one.insteadOf, other.insteadOf)
}

/**
 * What a call would have used at another provider. One model may count many times the tokens of another for the same image, so
 * input tokens are scaled by the ratio of what the two were expected to count. `undefined` if the decision lacks the expectation
 * of either.
 */
function countedBy(
  { decision, provider, model, quantities }: RecordedCall,
  choice: Choice,
): RecordedCall['quantities'] | undefined {
  if (!decision?.request.needs?.images || (provider === choice.provider && model === choice.model)) return quantities
  const [then, now] = [inputOf(decision, { provider, model }), inputOf(decision, choice)]
  if (!then || now === undefined) return undefined
  if (then === now) return quantities
  return quantities.map((usage) =>
    usage.unit === 'tokens' && /^(input|cached_input|cache_write.*)$/.test(usage.meter)
      ? { ...usage, quantity: microUnits((usage.quantity * now + then - 1n) / then) }
      : usage,
  )
}

/** How many input tokens a candidate was expected to count for a request. `undefined` if it was not a candidate. */
function inputOf({ candidates, request }: DecisionRecord, { provider, model }: Choice): bigint | undefined {
  const found = candidates.find((each) => each.provider === provider && (model === undefined || each.model === model))
  const text = found && (found.expected ?? request.expected).find((expected) => expected.endsWith(' tokens input'))
  return text === undefined ? undefined : quantity(text.split(' ')[0] ?? '0')
}

/** What the slices of a call come to, each added to those before it, as they are charged. */
function slicesOf({ parts }: RecordedCall, priceOf: (used: RecordedCall['quantities']) => bigint | undefined): RatedSlice[] {
  let [used, before]: [RecordedCall['quantities'], bigint] = [[], 0n]
  return parts.map(({ sequence, unit, quantities }) => {
    used = sumOf(used, quantities)
    const whole = priceOf(used) ?? before
    const rated = whole > before ? whole - before : 0n
    before += rated
    return { sequence, unit, rated }
  })
}

function same(because?: string, isLost = false): Replayed {
  return because === undefined ? { isSame: true } : { isSame: true, because, ...(isLost && { isLost }) }
}
