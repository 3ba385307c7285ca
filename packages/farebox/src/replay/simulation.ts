import { type Credits, formatCredits, microCredits } from '@farebox/core'

/** What recorded work cost and would have cost. Amounts are what was due, even if a balance did not cover it. */
export interface Simulation {
  from: number
  to: number
  accounts: number
  workflows: number
  calls: number
  creditsThen: Credits
  creditsNow: Credits
  /** Micro-credits. Negative if credits would have been saved. */
  difference: bigint
  /** One line for each workflow name and service, sorted by what it cost, highest first. */
  lines: SimulatedLine[]
  /** Usage that is counted as it was, because what it would have been is unknown. */
  notReplayed: NotReplayed[]
  assumptions: string[]
}

export interface SimulatedLine {
  /** `null` for usage that belongs to no workflow. */
  workflowName: string | null
  service: string
  workflows: number
  calls: number
  creditsThen: Credits
  creditsNow: Credits
  difference: bigint
  /** The calls that would have moved from one provider to another. */
  moved: MovedCalls[]
}

export interface MovedCalls {
  from: string
  to: string
  calls: number
}

export interface NotReplayed {
  service: string
  reason: string
  calls: number
  credits: Credits
}

/** Converts a simulation to wire form. Amounts are decimal strings of credits, because differences may be less than one. */
export function simulationJson(simulation: Simulation) {
  const { from, to, accounts, workflows, calls, lines, notReplayed, assumptions } = simulation
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    accounts,
    workflows,
    calls,
    ...amounts(simulation),
    lines: lines.map((line) => ({
      workflow_name: line.workflowName,
      service_type: line.service,
      workflows: line.workflows,
      calls: line.calls,
      ...amounts(line),
      moved: line.moved.map((moved) => ({ from_provider: moved.from, to_provider: moved.to, calls: moved.calls })),
    })),
    not_replayed: notReplayed.map(({ service, reason, calls: kept, credits }) => ({
      service_type: service,
      reason,
      calls: kept,
      credits: formatCredits(credits),
    })),
    assumptions,
  }
}

function amounts({ creditsThen, creditsNow, difference }: Pick<Simulation, 'creditsThen' | 'creditsNow' | 'difference'>) {
  return {
    credits_then: formatCredits(creditsThen),
    credits_now: formatCredits(creditsNow),
    difference: formatCredits(microCredits(difference)),
  }
}
