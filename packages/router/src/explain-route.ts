import { formatCredits } from '@farebox/core'
import type { Route, RouteRefusal } from './route.ts'

/** A route or a refusal as lines that a person can read, the most important first. */
export function explainRoute(route: Route | RouteRefusal): string[] {
  const rejected = route.rejected.map(({ offer, reason, detail }) => `not ${offer.provider}: ${reason}, ${detail}`)
  if (route.status === 'refused') return [`${route.service} ${route.operation} refused: ${route.message}`, ...rejected]
  return [
    `${route.service} ${route.operation} by ${route.strategy}, hold ${formatCredits(route.hold)} credits`,
    ...route.candidates.map(
      (candidate, index) =>
        `${index + 1}. ${candidate.offer.provider} (${candidate.adapter.name}): ${candidate.why}; ` +
        `${formatCredits(candidate.chargeExpected)} credits expected, ${formatCredits(candidate.chargeCeiling)} at most; ` +
        `${Math.round(candidate.latencyMs)} ms; score ${candidate.score.toFixed(2)}`,
    ),
    ...route.notOffered.map((name) => `not ${name}: configured, but no adapter offers it`),
    ...rejected,
  ]
}
