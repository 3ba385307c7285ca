import { formatCredits, type Service } from '@farebox/core'
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
 * A routing decision as JSON: what was asked, under which configuration, and who was considered with which scores, charges and reasons.
 * A few hundred bytes to some two kilobytes; {@link packDecision} makes it shorter, to be kept with a usage record, and {@link replayDecision} decides
 * it again. It holds no text of the request, no telephone number beyond its prefix, and as much of the metadata as conditions look at. Amounts are
 * decimal strings of credits; what it has not got is `undefined`.
 */
export interface DecisionRecord {
  readonly version: 1
  readonly service: Service
  readonly operation: Operation
  /** `planned`, or why there is no route. */
  readonly outcome: 'planned' | RefusalReason
  /** Of a refusal. */
  readonly message?: string
  readonly strategy?: RoutingStrategy
  /** The most that the route holds. */
  readonly hold?: string
  readonly affordable: string
  /** When it was decided, epoch milliseconds, UTC. */
  readonly at?: number
  /** The version of the price book that predicted. */
  readonly priceVersion?: string
  readonly request: RecordedRequest
  readonly configuration: RecordedConfiguration
  readonly complexity?: RecordedComplexity
  /** First choice first, at most {@link RECORDED_MAX}. */
  readonly candidates: readonly RecordedCandidate[]
  readonly candidatesOmitted?: number
  /** At most {@link RECORDED_MAX}. */
  readonly rejected: readonly RecordedRejection[]
  readonly rejectedOmitted?: number
  readonly notOffered?: readonly string[]
  /** Places among the candidates. */
  readonly exploration?: { readonly candidate: number; readonly insteadOf: number }
  /** The place of the candidate among the candidates, and whether it is first because of the session. */
  readonly session?: { readonly candidate: number; readonly isKept: boolean }
  /** The random numbers that were drawn, in order. */
  readonly draws?: readonly number[]
  /** Of a `weighted` decision of which the record has not all candidates: the draws for those that it has, in the order of the catalog. */
  readonly recordedDraws?: readonly number[]
}

/** The configuration that was in force, by what differs from `presets.balanced()`. */
export interface RecordedConfiguration {
  /** Tells configurations apart, by all of their fields, conditions included. */
  readonly digest: string
  /** Wire form, with the conditions applied. */
  readonly differs: Omit<ServiceConfigurationInput, 'conditions'>
  /** Places of the conditions that were met. */
  readonly conditions?: readonly number[]
}

/** A complexity, and how it was found. */
export interface RecordedComplexity {
  readonly value: Complexity
  readonly by: 'request' | 'configuration' | 'classifier' | 'default'
  readonly classifier?: string
  /** Those that are not zero. */
  readonly features?: Readonly<Record<string, number>>
  readonly score?: number
  /** By feature: its value as weighed, its weight, and their product. */
  readonly contributions?: Readonly<Record<string, readonly [value: number, weight: number, contribution: number]>>
  readonly guard?: string
}

/** A candidate, as a decision record keeps it. */
export interface RecordedCandidate {
  readonly provider: string
  readonly model: string
  readonly adapter: string
  readonly isSimulated?: true
  /** Expected and at most, credits. */
  readonly charge: string
  readonly ceiling: string
  /** What the provider charges us, nano-USD. */
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
  /** What its model is expected to use and may use, where that is not what the request says. */
  readonly expected?: readonly string[]
  readonly most?: readonly string[]
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
  /** The ceiling, where money was the reason; the others then too. */
  readonly charge?: string
  readonly quality?: number
  readonly latencyMs?: number
  readonly position?: number
  readonly isSimulated?: true
}

/** How many candidates, and how many rejections, a record holds. */
export const RECORDED_MAX = 8

/** What a record says beside the decision and its inputs. */
export interface DecisionContext {
  /** When it was decided, epoch milliseconds, UTC. @defaultValue `now` of the input */
  at?: number
  /** The version of the price book that predicted. */
  priceVersion?: string
}

/** The record of a decision: of `decision`, which `plan` made of `input`. To be asked for only where it is kept; `plan` makes none. */
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
  // Where the caller has named a provider, that nobody else was asked goes without saying, and would be the longest part.
  const rejected = decision.rejected.filter(({ reason }) => reason !== 'not_requested')
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
    ...(isPlanned ? planned(decision, input, rejected) : { candidates: [] }),
    rejected: rejected.slice(0, RECORDED_MAX).map(recordedRejection),
    rejectedOmitted: omitted(rejected),
  }
}

function planned(route: Route, { request, configuration }: PlanInput, rejected: Route['rejected']) {
  const { candidates, exploration, session, notOffered, draws = [] } = route
  const place = (candidate: Route['candidates'][number]) => candidates.indexOf(candidate)
  const texts: UsageTexts = new Map()
  return {
    candidates: candidates.slice(0, RECORDED_MAX).map((candidate) => recordedCandidate(candidate, request, texts)),
    candidatesOmitted: omitted(candidates),
    notOffered: notOffered.length > 0 ? notOffered : undefined,
    exploration: exploration && { candidate: place(exploration.candidate), insteadOf: place(exploration.insteadOf) },
    session: session && { candidate: place(session.candidate), isKept: session.isKept },
    draws: draws.length > 0 ? draws : undefined,
    recordedDraws: recordedDraws(route, applyConditions(configuration, request.metadata).configuration.weights, {
      candidates: candidates.slice(0, RECORDED_MAX),
      rejected: rejected.slice(0, RECORDED_MAX),
    }),
  }
}

function omitted({ length }: readonly unknown[]): number | undefined {
  return length > RECORDED_MAX ? length - RECORDED_MAX : undefined
}
