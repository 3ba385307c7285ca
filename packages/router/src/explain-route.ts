import { formatCredits } from '@farebox/core'
import type { DecisionRecord, RecordedComplexity } from './decision-record.ts'
import { recordedCandidate, recordedComplexity, recordedRejection } from './recorded-parts.ts'
import type { Route, RouteRefusal } from './route.ts'

/** What {@link explainRoute} explains, from a fresh decision or from a record. */
type Explained = Pick<
  DecisionRecord,
  | 'service'
  | 'operation'
  | 'outcome'
  | 'message'
  | 'strategy'
  | 'hold'
  | 'candidates'
  | 'candidatesOmitted'
  | 'rejected'
  | 'rejectedOmitted'
> & { notOffered?: readonly string[]; complexity?: RecordedComplexity; conditions?: readonly number[] }

/** Explains a route, a refusal or the record of either in readable lines, most important first. */
export function explainRoute(decision: Route | RouteRefusal | DecisionRecord): string[] {
  const told = 'status' in decision ? explained(decision) : { ...decision, conditions: decision.configuration.conditions }
  const { service, operation, outcome, complexity, conditions = [] } = told
  return [
    outcome === 'planned'
      ? `${service} ${operation} by ${told.strategy}, hold ${told.hold} credits`
      : `${service} ${operation} refused: ${told.message}`,
    ...(complexity?.score === undefined ? [] : [explainComplexity(complexity)]),
    ...(conditions.length > 0 ? [`conditions met: ${conditions.join(', ')}`] : []),
    ...told.candidates.map(
      ({ provider, adapter, why, charge, ceiling, latencyMs, score }, index) =>
        `${index + 1}. ${provider} (${adapter}): ${why}; ${charge} credits expected, ${ceiling} at most; ` +
        `${Math.round(latencyMs)} ms; score ${score.toFixed(2)}`,
    ),
    ...(told.candidatesOmitted ? [`and ${told.candidatesOmitted} more candidates`] : []),
    ...(told.notOffered ?? []).map((name) => `not ${name}: configured, but no adapter offers it`),
    ...told.rejected.map(({ provider, reason, detail }) => `not ${provider}: ${reason}, ${detail}`),
    ...(told.rejectedOmitted ? [`and ${told.rejectedOmitted} more rejected`] : []),
  ]
}

function explained(decision: Route | RouteRefusal): Explained {
  const { service, operation } = decision
  const rejected = decision.rejected.map((rejection) => recordedRejection(rejection))
  if (decision.status === 'refused') {
    return { service, operation, outcome: decision.reason, message: decision.message, candidates: [], rejected }
  }
  return {
    service,
    operation,
    outcome: 'planned',
    strategy: decision.strategy,
    hold: formatCredits(decision.hold),
    candidates: decision.candidates.map((candidate) => recordedCandidate(candidate)),
    notOffered: decision.notOffered,
    rejected,
    complexity: decision.complexity && recordedComplexity(decision.complexity),
    conditions: decision.conditions,
  }
}

function explainComplexity({ value, classifier, score = 0, contributions = {}, guard }: RecordedComplexity): string {
  const reasons = Object.entries(contributions).map(([feature, [, , contribution]]) => `${feature} ${contribution.toFixed(2)}`)
  return `complexity ${value} by ${classifier}: score ${score.toFixed(2)} (${[...reasons, guard ?? []].flat().join(', ')})`
}
