import { credits, quantity } from '@farebox/core'
import type { Catalog } from './catalog.ts'
import type { ChatFeatures } from './chat-features.ts'
import { complexityClassifier } from './classify-complexity.ts'
import type { ComplexityClassifier } from './complexity.ts'
import type { PricePredictor } from './consider.ts'
import { type DecisionRecord, decisionRecord } from './decision-record.ts'
import { describeDifferences } from './describe-differences.ts'
import { plan } from './plan.ts'
import { RecordedOffers } from './recorded-offers.ts'
import { readUsage } from './recorded-request.ts'
import type { RouteRequest } from './route-request.ts'
import type { ServiceConfiguration } from './service-configuration.ts'
import { parseServiceConfiguration } from './service-configuration-wire.ts'

/** What to change in a replay. Absent fields stay as recorded. */
export interface ReplayOptions {
  configuration?: ServiceConfiguration
  /** Without a catalog, only offers with a recorded charge are considered: the candidates, and those that were too expensive. */
  catalog?: Catalog
  /** Without prices, the recorded charges apply, and offers without one have no price. */
  prices?: PricePredictor
  /** Judges the complexity anew, from the recorded features. */
  classifier?: ComplexityClassifier
}

/** A replayed decision, compared with the original. */
export interface ReplayedDecision {
  readonly record: DecisionRecord
  /** Whether the replay chooses the same candidates in the same order at the same charges. */
  readonly isSame: boolean
  /** The differences as text, most important first. Empty: none. */
  readonly diff: readonly string[]
}

/**
 * Shows what another configuration, catalog or price book would have chosen, with health, balance and random draws as recorded.
 * Makes no calls. If a `balanced` decision had more candidates than a record keeps, a replay without a catalog scores and draws
 * among the recorded ones only.
 */
export function replayDecision(record: DecisionRecord, options: ReplayOptions = {}): ReplayedDecision {
  const offers = new RecordedOffers(record)
  if (!options.catalog && offers.isEmpty) {
    const diff = options.configuration ? ['not known without a catalog: the record has the charge of no offer'] : []
    return { record, isSame: diff.length === 0, diff }
  }
  const draws = options.catalog ? record.draws : (record.recordedDraws ?? record.draws)
  const input = {
    request: requestOf(record, offers, options),
    configuration: options.configuration ?? parseServiceConfiguration(record.configuration.differs),
    catalog: options.catalog ?? offers.catalog,
    prices: options.prices ?? offers.prices,
    health: offers.health,
    affordable: credits(record.affordable),
    // A session that was valid then must stay valid, even if the record does not say when that was.
    now: record.session ? undefined : record.at,
    random: draws && drawAgain(draws),
    classifier: options.classifier ?? classifierOf(record),
  }
  const replayed = decisionRecord(plan(input), input, { at: record.at })
  const diff = describeDifferences(record, replayed)
  return { record: replayed, isSame: diff.length === 0, diff }
}

function requestOf(record: DecisionRecord, offers: RecordedOffers, { prices }: ReplayOptions): RouteRequest {
  const { service, operation, request, complexity } = record
  const { expected: _, most: __, mostIfPriced, session: ___, ...same } = request
  const session = prices ? request.session : chargedSessionOf(record)
  const features = complexity?.features
  return {
    ...same,
    ...offers.usage,
    ...(mostIfPriced && { ceilingIfPriced: readUsage(mostIfPriced) }),
    service,
    operation,
    usageOf: (offer) => offers.usageOf(offer),
    ...(features && { features: () => ({ ...NO_FEATURES, ...features }) }),
    ...(session && { session: { ...session, cachedInput: quantity(session.cachedInput) } }),
  }
}

/**
 * The session, as far as the recorded charges account for it: with the candidate whose charge assumes a cache. If none does, there
 * was no cache worth keeping. Under `accuracyFirst`, no candidate is recorded for it.
 */
function chargedSessionOf({ outcome, request, session, candidates, configuration }: DecisionRecord) {
  if (outcome !== 'planned' || configuration.differs.accuracy_first) return request.session
  const served = session && candidates[session.candidate]
  return request.session && served && { ...request.session, adapter: served.adapter, model: served.model }
}

/** Repeats the recorded draws. If the replay needs more, it gets 0.5, the neutral middle. */
function drawAgain(draws: readonly number[]): () => number {
  let next = 0
  return () => draws[next++] ?? 0.5
}

/** A classifier that repeats the recorded verdict. */
function classifierOf({ complexity }: DecisionRecord): ComplexityClassifier {
  if (complexity?.by !== 'classifier') return complexityClassifier
  const { value, score = 0, contributions = {}, guard, classifier = 'recorded' } = complexity
  const verdict = {
    complexity: value,
    score,
    contributions: Object.entries(contributions).map(([feature, [weighed, weight, contribution]]) => {
      return { feature, value: weighed, weight, contribution }
    }),
    guard,
  }
  return { name: classifier, classify: () => verdict }
}

/** Records omit features that are zero. */
const NO_FEATURES: ChatFeatures = {
  questionTokens: 0,
  contextTokens: 0,
  turns: 0,
  questions: 0,
  reasoningWords: 0,
  recallWords: 0,
  conditionWords: 0,
  lengthWords: 0,
  numbers: 0,
  mathMarks: 0,
  codeMarks: 0,
  steps: 0,
  choices: 0,
  safetyWords: 0,
  scripts: 0,
  englishShare: 0,
  otherLetters: 0,
  images: 0,
  tools: 0,
  outputTokensMax: 0,
}
