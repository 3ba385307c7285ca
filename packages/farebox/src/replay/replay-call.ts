import type { Offer } from '@farebox/core'
import { type AuthenticatedKey, keyPermission } from '@farebox/ledger'
import {
  type Catalog,
  type CatalogEntry,
  type ComplexityClassifier,
  type DecisionRecord,
  namedProviders,
  parseServiceConfiguration,
  presets,
  replayDecision,
  type ServiceConfiguration,
} from '@farebox/router'
import type { RecordedCall } from './recorded-call.ts'
import { pricedModel, type ReplayPrices } from './replay-prices.ts'
import type { Replayed } from './replay-workflow.ts'

/** Under what calls are made again. */
export interface ReplayUnder {
  /** What calls are configured by, from what they were. @defaultValue as they were */
  configure?: (then: ServiceConfiguration) => ServiceConfiguration
  /** The configuration of work that the host did by itself, and would do by it; absent: as it was done. */
  elsewhere?: ServiceConfiguration
  prices: ReplayPrices
  /** Whether the book is another one than that which charged, so that what stays where it was is priced again too. */
  arePricesOther: boolean
}

/** A configuration that names no provider: with fields on top, it names what they name. */
const NAMELESS: ServiceConfiguration = {
  ...presets.balanced(),
  primaryAiModel: '',
  fallbackAiModel: null,
  ttsProvider: null,
  sttProvider: null,
  phoneProvider: null,
  visionModel: null,
}

/** What work that the host did by itself follows where only some fields differ: whoever these fields name. */
export function namedBy(changes: Partial<ServiceConfiguration>): ServiceConfiguration {
  return { ...NAMELESS, ...changes }
}

/** What is needed of a Farebox to make its calls again. */
export interface ReplayParts {
  catalog: Catalog
  classifier: ComplexityClassifier | undefined
  /** The keys of the account by id, as they are now. */
  keys: ReadonlyMap<string, Pick<AuthenticatedKey, 'services'>>
  /** Whether an offer's model is out of service by now. */
  isRetired(offer: Offer): boolean
}

/** Words for what keeps a call as it was. */
export const reasons = {
  failed_attempt: 'attempts that failed, which no configuration would have made otherwise for sure',
  corrected: 'calls that were refunded or corrected afterwards',
  not_offered: 'no provider that the configuration names is on offer and ready',
  not_allowed: 'the API key may not use the provider',
  no_price: 'the price book has no rate for what was counted',
} as const

/** Makes calls again as they were recorded: what was asked and used as it was, chosen and priced anew. No provider is called. */
export class CallReplay {
  readonly #parts: ReplayParts
  readonly #catalogs = new Map<string, { real: Catalog; all: Catalog }>()
  readonly #configurations = new Map<string, ServiceConfiguration>()

  constructor(parts: ReplayParts) {
    this.#parts = parts
  }

  replay(call: RecordedCall, under: ReplayUnder): Replayed {
    if (call.fixedBecause) return same(reasons[call.fixedBecause])
    const offer = call.decision ? this.#routed(call, call.decision, under) : this.#elsewhere(call, under)
    if (typeof offer === 'string') return same(offer)
    if (offer && (offer.provider !== call.provider || offer.model !== call.model)) {
      const model = call.decision ? pricedModel(offer, call.decision.operation) : call.model && offer.model
      return this.#priced(call, { provider: offer.provider, model }, under)
    }
    if (!under.arePricesOther) return same()
    return this.#priced(call, { provider: call.provider, model: this.#modelOf(call) }, under)
  }

  /** Who may serve a call today: ready, not retired, and made up only where the call was. */
  standIns({ service, decision, isSimulated }: RecordedCall): readonly CatalogEntry[] {
    const real = this.#catalogOf(service, false).forService(service)
    // Of work that the host did by itself nobody knows; where nobody real is on offer, this is a trial.
    const isTrial = decision ? isSimulated : real.length === 0
    return isTrial ? this.#catalogOf(service, true).forService(service) : real
  }

  /** Whether the key of a call may use a provider today. */
  isAllowed(call: RecordedCall, provider: string): boolean {
    const key = call.apiKeyId === undefined ? undefined : this.#parts.keys.get(call.apiKeyId)
    return key === undefined || keyPermission(key, call.service, provider) !== undefined
  }

  #priced(
    call: RecordedCall,
    { provider, model }: { provider: string; model: string | undefined },
    under: ReplayUnder,
  ): Replayed {
    const { service, at, numbers, quantities } = call
    const price = under.prices.priceOf({ service, provider, model, at, ...numbers }, quantities)
    if (!price) return same(`${reasons.no_price}: ${provider}`)
    const other = call.pricedAs && call.provider === provider ? call.pricedAs : undefined
    const instead = other && under.prices.priceOf({ service, provider: other, at, ...numbers }, quantities)
    return { isSame: false, provider, ...(instead && instead.rated < price.rated ? instead : price) }
  }

  /** The offer that would have been asked first; `undefined` for the same as then, and words where there is none. */
  #routed(
    call: RecordedCall,
    decision: DecisionRecord,
    { configure, prices, arePricesOther }: ReplayUnder,
  ): Offer | string | undefined {
    if (!configure && !arePricesOther) return undefined
    const { record } = replayDecision(this.#asAllowed(call, decision), {
      // Without another configuration the offers are those of then, whatever the catalog has become.
      ...(configure && {
        configuration: configure(this.#configurationOf(decision)),
        catalog: this.#catalogOf(call.service, call.isSimulated),
      }),
      prices: prices.asOf(call.at),
      classifier: this.#parts.classifier,
    })
    if (record.outcome !== 'planned') return record.message ?? record.outcome
    const [first] = record.candidates
    const [before] = decision.candidates
    if (!first || (first.provider === before?.provider && first.model === before.model)) return undefined
    const { service } = call
    const entries = this.#parts.catalog.forService(service)
    const found =
      entries.find(({ offer, adapter }) => adapter.name === first.adapter && isOf(offer, first)) ??
      entries.find(({ offer }) => isOf(offer, first))
    return found?.offer ?? reasons.not_offered
  }

  /** Work that the host did by itself goes to the first that the configuration names for it. */
  #elsewhere(call: RecordedCall, { elsewhere }: ReplayUnder): Offer | string | undefined {
    if (!elsewhere) return undefined
    const names = namedProviders(elsewhere, call.service)
    if (names.length === 0 || names[0] === call.provider) return undefined
    const entries = this.standIns(call)
    for (const name of names) {
      if (name === call.provider) return undefined
      const entry = entries.find(({ offer }) => offer.provider === name)
      if (!entry) continue
      return this.isAllowed(call, name) ? entry.offer : reasons.not_allowed
    }
    return reasons.not_offered
  }

  /** The decision as it would be with what the key may use today. */
  #asAllowed(call: RecordedCall, decision: DecisionRecord): DecisionRecord {
    const barred = this.#parts.catalog
      .forService(call.service)
      .map(({ offer }) => offer.provider)
      .filter((name) => !this.isAllowed(call, name))
    if (barred.length === 0) return decision
    const excludes = [...new Set([...(decision.request.excludes ?? []), ...barred])]
    return { ...decision, request: { ...decision.request, excludes } }
  }

  #modelOf(call: RecordedCall): string | undefined {
    const entry = this.#parts.catalog
      .forService(call.service)
      .find(({ offer }) => isOf(offer, { provider: call.provider, model: call.model ?? '' }))
    return entry && call.decision ? pricedModel(entry.offer, call.decision.operation) : call.model
  }

  #catalogOf(service: string, isSimulated: boolean): Catalog {
    const known = this.#catalogs.get(service) ?? this.#readyCatalogs(service)
    this.#catalogs.set(service, known)
    return isSimulated ? known.all : known.real
  }

  #readyCatalogs(service: string) {
    const ready = this.#parts.catalog
      .forService(service)
      .filter(
        ({ adapter, offer }) => adapter.availability.status === 'ready' && (adapter.isSimulated || !this.#parts.isRetired(offer)),
      )
    const real = ready.filter(({ adapter }) => !adapter.isSimulated)
    const of = (entries: readonly CatalogEntry[]): Catalog => ({
      services: this.#parts.catalog.services,
      forService: (asked) => (asked === service ? entries : []),
    })
    return { real: of(real), all: of(ready) }
  }

  #configurationOf({ configuration: { differs } }: DecisionRecord): ServiceConfiguration {
    const name = JSON.stringify(differs)
    const known = this.#configurations.get(name)
    if (known) return known
    // Applications have a few; whoever makes one for each call must not fill the memory with them.
    if (this.#configurations.size >= 1_000) this.#configurations.clear()
    const configuration = parseServiceConfiguration(differs)
    this.#configurations.set(name, configuration)
    return configuration
  }
}

function isOf({ provider, model }: Offer, other: { provider: string; model: string }): boolean {
  return provider === other.provider && model === other.model
}

function same(because?: string): Replayed {
  return because === undefined ? { isSame: true } : { isSame: true, because }
}
