import { formatCredits, type Service } from '@farebox/core'
import type { OtherMeters } from '@farebox/pricing'
import { complexityClassifier } from './classify-complexity.ts'
import { resolveComplexity } from './complexity.ts'
import { applyConditions } from './conditions.ts'
import { configurationDigest, differingFields } from './configuration-digest.ts'
import type { HealthCondition } from './health.ts'
import type { PlanInput } from './plan.ts'
import { recordedDraws } from './recorded-draws.ts'
import { recordedCandidate, recordedComplexity, recordedRejection, type UsageTexts } from './recorded-parts.ts'
import { type RecordedRequest, recordedRequest } from './recorded-request.ts'
import type { Operation, RefusalReason, RejectionReason, Route, RouteRefusal } from './route.ts'
import type { Complexity } from './service-configuration.ts'
import type { ServiceConfigurationInput } from './service-configuration-schema.ts'
import type { RoutingStrategy } from './strategy.ts'

/**
 * A routing decision as JSON: what was requested, under which configuration, and which offers were considered, with scores,
 * charges and reasons. Takes a few hundred bytes to about two kilobytes. {@link packDecision} shortens it for storage with a
 * usage record, and {@link replayDecision} makes the decision again. It contains no text of the request, only the prefixes of
 * phone numbers, and only the metadata that conditions match. Amounts are decimal strings of credits. Missing facts are
 * `undefined`.
 */
export interface DecisionRecord {
  readonly version: 1
  readonly service: Service
  readonly operation: Operation
  /** `planned`, or why there is no route. */
  readonly outcome: 'planned' | RefusalReason
  /** The message of a refusal. */
  readonly message?: string
  readonly strategy?: RoutingStrategy
  /** The hold that the route needs. */
  readonly hold?: string
  readonly affordable: string
  /** When the decision was made, epoch milliseconds, UTC. */
  readonly at?: number
  /** The version of the price book behind the predictions. */
  readonly priceVersion?: string
  readonly request: RecordedRequest
  readonly configuration: RecordedConfiguration
  readonly complexity?: RecordedComplexity
  /** First choice first, at most {@link RECORDED_MAX}. */
  readonly candidates: readonly RecordedCandidate[]
  readonly candidatesOmitted?: number
  /** At most {@link RECORDED_MAX}, those that were too expensive or too slow before all others. */
  readonly rejected: readonly RecordedRejection[]
  readonly rejectedOmitted?: number
  readonly notOffered?: readonly string[]
  /** Indexes in the route's candidates. */
  readonly exploration?: { readonly candidate: number; readonly insteadOf: number }
  /** Index of the session's candidate in the route's candidates, and whether it is first because of the session. */
  readonly session?: { readonly candidate: number; readonly isKept: boolean }
  /** The random numbers that planning drew, in order. */
  readonly draws?: readonly number[]
  /** For a `weighted` decision with omitted candidates: the draws for the recorded ones, in catalog order. */
  readonly recordedDraws?: readonly number[]
}

/** The configuration that was in force, as its differences from `presets.balanced()`. */
export interface RecordedConfiguration {
  /** Identifies the configuration by all of its fields, including conditions. */
  readonly digest: string
  /** The differing fields in wire form, with the conditions applied. */
  readonly differs: Omit<ServiceConfigurationInput, 'conditions'>
  /** Indexes of the conditions that matched. */
  readonly conditions?: readonly number[]
}

/** A complexity, and how it was determined. */
export interface RecordedComplexity {
  readonly value: Complexity
  readonly by: 'request' | 'configuration' | 'classifier' | 'default'
  readonly classifier?: string
  /** The features that are not zero. */
  readonly features?: Readonly<Record<string, number>>
  readonly score?: number
  /** By feature: its scaled value, its weight, and their product. */
  readonly contributions?: Readonly<Record<string, readonly [value: number, weight: number, contribution: number]>>
  readonly guard?: string
}

/** A candidate, as a decision record keeps it. */
export interface RecordedCandidate {
  readonly provider: string
  readonly model: string
  readonly adapter: string
  readonly isSimulated?: true
  /** The model whose price its live sound has, if another. */
  readonly liveModel?: string
  /** Expected charge. `ceiling` is the maximum charge. Both in credits. */
  readonly charge: string
  readonly ceiling: string
  /** What the provider charges you, nano-USD. */
  readonly cost?: string
  readonly latencyMs: number
  readonly quality: number
  readonly score: number
  /** Place in the configured order. */
  readonly rank?: number
  /** Place in the catalog. */
  readonly position: number
  /** Absent: `ok`. */
  readonly condition?: HealthCondition
  readonly errorRate?: number
  readonly rateLimitedRate?: number
  readonly samples?: number
  /** The expected and the maximum usage of its model, where they differ from the request's, and so its other meters. */
  readonly expected?: readonly string[]
  readonly most?: readonly string[]
  readonly otherMeters?: OtherMeters
  readonly regions?: readonly string[]
  readonly serviceLevels?: readonly string[]
  readonly why: string
}

/** An offer that was left out, as a decision record keeps it. */
export interface RecordedRejection {
  readonly provider: string
  readonly model: string
  readonly adapter: string
  readonly reason: RejectionReason
  readonly detail: string
  /** The ceiling. Present only where money was the reason. */
  readonly charge?: string
  /** Present only where money was the reason, or where it was too slow. */
  readonly latencyMs?: number
  /** Expected charge. Absent: the ceiling. The fields from here on are of what a limit or the balance alone kept from serving. */
  readonly chargeExpected?: string
  readonly quality?: number
  readonly position?: number
  readonly isSimulated?: true
  readonly liveModel?: string
  /** Absent: `ok`. */
  readonly condition?: HealthCondition
  readonly errorRate?: number
  readonly rateLimitedRate?: number
  /** The usage of its model, as of a candidate. */
  readonly expected?: readonly string[]
  readonly most?: readonly string[]
  readonly otherMeters?: OtherMeters
  readonly regions?: readonly string[]
  readonly serviceLevels?: readonly string[]
}

/** The most candidates, and the most rejections, that a record contains. */
export const RECORDED_MAX = 8

/** What a record contains besides the decision and its inputs. */
export interface DecisionContext {
  /** When the decision was made, epoch milliseconds, UTC. @defaultValue `now` of the input */
  at?: number
  /** The version of the price book behind the predictions. */
  priceVersion?: string
}

/** Creates the record of `decision`, which `plan` made from `input`. `plan` creates none itself, so call this only to keep it. */
export function decisionRecord(
  decision: Route | RouteRefusal,
  input: PlanInput,
  { at = input.now, priceVersion }: DecisionContext = {},
): DecisionRecord {
  const { configuration, met } = applyConditions(input.configuration, input.request.metadata)
  const isPlanned = decision.status === 'planned'
  const complexity =
    (isPlanned ? decision.complexity : undefined) ??
    resolveComplexity(input.request, configuration, input.classifier ?? complexityClassifier)
  // If the caller names a provider, the rejections of all others are obvious and would be the longest part of the record.
  const rejected = decision.rejected.filter(({ reason }) => reason !== 'not_requested')
  const kept = keptOf(rejected)
  const texts: UsageTexts = new Map()
  return {
    version: 1,
    service: decision.service,
    operation: decision.operation,
    outcome: isPlanned ? 'planned' : decision.reason,
    message: isPlanned ? undefined : decision.message,
    strategy: isPlanned ? decision.strategy : undefined,
    hold: isPlanned ? formatCredits(decision.hold) : undefined,
    affordable: formatCredits(input.affordable),
    at,
    priceVersion,
    request: recordedRequest(input.request, input.configuration),
    configuration: {
      digest: configurationDigest(input.configuration),
      differs: differingFields(configuration),
      conditions: met.length > 0 ? met : undefined,
    },
    complexity: recordedComplexity(complexity),
    ...(isPlanned ? planned(decision, input, { rejected: kept, texts }) : { candidates: [] }),
    rejected: kept.map((rejection) => recordedRejection(rejection, input.request, texts)),
    rejectedOmitted: omitted(rejected),
  }
}

function planned(
  route: Route,
  { request, configuration }: PlanInput,
  { rejected, texts }: { rejected: Route['rejected']; texts: UsageTexts },
) {
  const { candidates, exploration, session, notOffered, draws = [] } = route
  const place = (candidate: Route['candidates'][number]) => candidates.indexOf(candidate)
  return {
    candidates: candidates.slice(0, RECORDED_MAX).map((candidate) => recordedCandidate(candidate, request, texts)),
    candidatesOmitted: omitted(candidates),
    notOffered: notOffered.length > 0 ? notOffered : undefined,
    exploration: exploration && { candidate: place(exploration.candidate), insteadOf: place(exploration.insteadOf) },
    session: session && { candidate: place(session.candidate), isKept: session.isKept },
    draws: draws.length > 0 ? draws : undefined,
    recordedDraws: recordedDraws(route, applyConditions(configuration, request.metadata).configuration.weights, {
      candidates: candidates.slice(0, RECORDED_MAX),
      rejected,
    }),
  }
}

/**
 * The rejections that a record contains, in their order. A replay needs those that had a part in the scores and draws, and those
 * that were measured to be too slow.
 */
function keptOf(rejected: Route['rejected']): Route['rejected'] {
  if (rejected.length <= RECORDED_MAX) return rejected
  const needed = rejected.filter(({ candidate }) => candidate)
  const slow = rejected.filter(({ latencyMs }) => latencyMs !== undefined)
  const kept = new Set([...new Set([...needed, ...slow, ...rejected])].slice(0, RECORDED_MAX))
  return rejected.filter((rejection) => kept.has(rejection))
}

function omitted({ length }: readonly unknown[]): number | undefined {
  return length > RECORDED_MAX ? length - RECORDED_MAX : undefined
}
