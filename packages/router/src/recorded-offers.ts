import { credits, FareboxError, type NanoUsd, type Offer, type ProviderAdapter } from '@farebox/core'
import { type Catalog, type CatalogEntry, healthKeyOf } from './catalog.ts'
import type { PricePredictor } from './consider.ts'
import type { DecisionRecord, RecordedCandidate } from './decision-record.ts'
import type { HealthView } from './health.ts'
import { readUsage } from './recorded-request.ts'
import type { RouteRequest } from './route-request.ts'

type UsageRange = Pick<RouteRequest, 'expected' | 'ceiling' | 'otherMeters'>

/** The offers with a recorded charge, in the form that planning needs: a catalog, prices and health. */
export class RecordedOffers {
  /** The usage of the request, where it does not depend on the model. */
  readonly usage: UsageRange
  readonly catalog: Catalog
  readonly prices: PricePredictor
  readonly health: HealthView
  readonly isEmpty: boolean
  /** Earlier versions of this package recorded no `liveModel`, so an offer of live sound matches by provider alone. */
  readonly #namesLiveModels: boolean
  readonly #recorded: readonly { candidate: RecordedCandidate; entry: CatalogEntry; usage: UsageRange }[]

  constructor(record: DecisionRecord) {
    const { service, request } = record
    this.usage = { expected: readUsage(request.expected), ceiling: readUsage(request.most), otherMeters: request.otherMeters }
    this.#recorded = chargedOf(record).map((candidate) => ({
      candidate,
      entry: entryOf(service, candidate),
      usage: {
        expected: candidate.expected ? readUsage(candidate.expected) : this.usage.expected,
        ceiling: candidate.most ? readUsage(candidate.most) : this.usage.ceiling,
        otherMeters: candidate.otherMeters ?? this.usage.otherMeters,
      },
    }))
    this.isEmpty = this.#recorded.length === 0
    this.#namesLiveModels = this.#recorded.some(({ entry }) => entry.offer.liveModel !== undefined)
    const entries = this.#recorded.map(({ entry }) => entry).sort((left, right) => left.position - right.position)
    this.catalog = { services: [service], forService: (asked) => (asked === service ? entries : []) }
    this.prices = {
      predict: (offer) => this.#predict(offer),
      predictMost: (offer) => credits(this.#charged(offer).ceiling),
    }
    const readings = new Map(this.#recorded.map(({ candidate, entry }) => [entry.healthKey, readingOf(candidate)]))
    // Of an offer that was too slow, only that is known. A catalog may have it, with the time that it states.
    for (const { charge, latencyMs, ...offer } of record.rejected) {
      if (charge !== undefined || latencyMs === undefined) continue
      readings.set(healthKeyOf({ name: offer.adapter }, { service, ...offer }), readingOf({ latencyMs }))
    }
    this.health = { read: (healthKey) => readings.get(healthKey) }
  }

  usageOf(offer: Offer): UsageRange {
    return this.#find(offer)?.usage ?? this.usage
  }

  #predict(offer: Offer): ReturnType<PricePredictor['predict']> {
    const { charge, cost } = this.#charged(offer)
    return { charge: credits(charge), cost: cost === undefined ? undefined : (BigInt(cost) as NanoUsd) }
  }

  #charged(offer: Offer): RecordedCandidate {
    const found = this.#find(offer)
    if (!found) throw new NotRecordedError(`the record has no charge of ${offer.provider}`)
    return found.candidate
  }

  /** Finds an offer by identity, because two adapters may sell the same one. An offer of another catalog matches by name. */
  #find(offer: Offer) {
    return (
      this.#recorded.find(({ entry }) => entry.offer === offer) ??
      this.#recorded.find(({ candidate: { provider, model } }) => provider === offer.provider && model === offer.model) ??
      // An offer of live sound may come under the model that prices it.
      this.#recorded.find(
        ({ entry: { offer: own } }) =>
          own.provider === offer.provider &&
          offer.model === offer.liveModel &&
          (own.liveModel === offer.liveModel || !this.#namesLiveModels),
      )
    )
  }
}

/** The candidates, and the offers that were too expensive for a limit or the balance. They were planned with, up to that point. */
function chargedOf({ candidates, rejected }: DecisionRecord): RecordedCandidate[] {
  const tooDear = rejected.flatMap((rejection): RecordedCandidate[] => {
    const { charge: ceiling, chargeExpected: charge = ceiling, position, quality = 0, latencyMs = 0, ...facts } = rejection
    if (charge === undefined || ceiling === undefined || position === undefined) return []
    return [{ ...facts, quality, latencyMs, position, charge, ceiling, score: 0, why: 'too dear then' }]
  })
  return [...candidates, ...tooDear]
}

function entryOf(service: string, candidate: RecordedCandidate): CatalogEntry {
  const { adapter: name, provider, model, liveModel, quality, latencyMs, position, regions, serviceLevels } = candidate
  // The offer had every capability that the request needed. Its others are not recorded.
  const capabilities = { streaming: true, tools: true, images: true, regions, serviceLevels }
  const offer: Offer = { service, provider, model, liveModel, quality, latencyMs, capabilities }
  const adapter: ProviderAdapter = {
    ...operations,
    name,
    isSimulated: candidate.isSimulated === true,
    availability: { status: 'ready' },
    offers: [offer],
  }
  return { offer, adapter, healthKey: healthKeyOf(adapter, offer), position }
}

function readingOf({
  condition = 'ok',
  latencyMs,
  errorRate,
  rateLimitedRate,
  samples,
}: Pick<RecordedCandidate, 'condition' | 'latencyMs' | 'errorRate' | 'rateLimitedRate' | 'samples'>) {
  return { condition, answerMs: latencyMs, firstEventMs: latencyMs, errorRate, rateLimitedRate, samples }
}

function none(): never {
  throw new NotRecordedError('an adapter that is known from a record makes no calls')
}

const operations = {
  chat: none,
  streamChat: none,
  transcribe: none,
  streamTranscription: none,
  speak: none,
  streamSpeech: none,
  converse: none,
  embed: none,
  call: none,
} satisfies Partial<ProviderAdapter>

/** Planning treats an offer without a recorded charge as one without a price. */
class NotRecordedError extends FareboxError {
  override readonly code = 'PRICE_NOT_FOUND'
}
