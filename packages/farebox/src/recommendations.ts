import { breakdownName, type Credits, microCredits, type Quantity, type Unit } from '@farebox/core'
import { chargedJson, unitsJson } from './receipt.ts'
import type { Saving, Savings } from './replay/recommend.ts'

/** A change of configuration that would have saved credits, in wire form and whole credits. */
export interface Recommendation {
  /** The name of the workflows that it is for. */
  workflow_name: string
  /** What to change: fields of a service configuration, or `{ preset }`. */
  change: Readonly<Record<string, unknown>>
  /** The service of the largest group of calls that would move. `from_provider` and `to_provider` belong to it too. */
  service_type: string
  from_provider: string
  to_provider: string
  /** How many units of it would move. */
  units_consumed: number
  unit_type: Unit
  /** What the calls considered have cost. */
  credits_used: number
  /** What the change would have saved, rounded down to whole credits. Above zero. */
  credits_saved: number
  /** The saved share of `credits_used`, from 0 to 1. */
  share_saved: number
  workflows: number
  calls: number
  /** How many calls would move to another provider. */
  calls_changed: number
  /**
   * How certain the saving is, judged by the calls that would move. `high`: Farebox routed them, and providers counted them.
   * `medium`: some usage was derived, translated or counted by another model's rule, or not all workflows were considered. `low`:
   * some work was done outside Farebox, and which other provider could have done it is unknown.
   */
  confidence: 'high' | 'medium' | 'low'
  message: string
  assumptions: string[]
}

/** Recommendations, and the records that they are based on. */
export interface RecommendationReport {
  from: string
  to: string
  workflows: number
  calls: number
  /** Whether all workflows of the period were considered. If not, only the newest were. */
  is_complete: boolean
  recommendations: Recommendation[]
}

/** Converts savings to wire form. Leaves out those of less than a credit. */
export function recommendationReport({ from, to, workflows, calls, isComplete, savings }: Savings): RecommendationReport {
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    workflows,
    calls,
    is_complete: isComplete,
    recommendations: savings.map((saving) => recommendation(saving, isComplete)).filter(({ credits_saved }) => credits_saved > 0),
  }
}

function recommendation(saving: Saving, isComplete: boolean): Recommendation {
  const { workflowName, change, sums, mostly } = saving
  const saved = Number(sums.saved / 1_000_000n)
  const what = Object.entries(change.wire)
    .map(([field, value]) => `${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
  const { from, to, service } = mostly
  return {
    workflow_name: workflowName,
    change: change.wire,
    service_type: service,
    from_provider: from,
    to_provider: to,
    units_consumed: unitsJson(mostly.quantity as Quantity),
    unit_type: mostly.unit,
    credits_used: chargedJson(sums.creditsThen as Credits),
    credits_saved: saved,
    share_saved: Number((sums.saved * 10_000n) / sums.creditsThen) / 10_000,
    workflows: sums.workflows,
    calls: sums.calls,
    calls_changed: sums.movedCalls,
    confidence: confidenceOf(saving, isComplete),
    message: `${workflowName}: with ${what}, ${breakdownName(service, to)} instead of ${breakdownName(service, from)} would have saved ${saved} of ${chargedJson(microCredits(sums.creditsThen))} credits`,
    assumptions: assumptionsOf(saving, isComplete),
  }
}

function confidenceOf({ sums }: Saving, isComplete: boolean): Recommendation['confidence'] {
  if (sums.elsewhere > 0) return 'low'
  return isComplete && sums.inexact === 0 && sums.translated === 0 && sums.recounted === 0 ? 'high' : 'medium'
}

function assumptionsOf({ sums }: Saving, isComplete: boolean): string[] {
  const said: [boolean, string][] = [
    [true, 'the same amounts would have been used: as many tokens, characters and seconds as were recorded'],
    [true, 'the quality of answers is not compared, and the provider that is asked first is assumed to answer'],
    [!sums.isPricedOtherwiseToday, "the prices at the time of each call, which are still today's"],
    [
      sums.isPricedOtherwiseToday,
      "the prices at the time of each call; today's are different, and it would save credits with them too",
    ],
    [sums.elsewhere > 0, 'work that was done outside Farebox would have followed the configuration'],
    [
      sums.careful > 0,
      'configurations with accuracy_first would have stayed as they are; a simulation of the change changes them too',
    ],
    [sums.conditioned > 0, 'fields that conditions had set would have changed too'],
    [sums.inexact > 0, 'some amounts were not reported by a provider, but derived from what was sent'],
    [sums.translated > 0, 'where a price has no rate for them, cached tokens count as input and reasoning as output'],
    [sums.recounted > 0, 'images count as the number of tokens that each model was expected to make of them'],
    [!isComplete, 'the newest workflows of the period are typical; the others were not examined'],
  ]
  return said.flatMap(([applies, words]) => (applies ? [words] : []))
}
