import type { DecisionRecord, RecordedCandidate } from './decision-record.ts'

/** How decision `after` differs from `before`, as lines of text, most important first. Empty: they are the same. */
export function describeDifferences(before: DecisionRecord, after: DecisionRecord): string[] {
  if (before.outcome !== after.outcome)
    return [`${outcomeOf(after)} instead of ${outcomeOf(before)}`, ...strategyLines(before, after)]
  const [first, was] = [after.candidates[0], before.candidates[0]]
  return [
    ...(first && was && nameOf(first) !== nameOf(was)
      ? [`first ${nameOf(first)} at ${first.charge} credits instead of ${nameOf(was)} at ${was.charge}`]
      : []),
    ...strategyLines(before, after),
    ...after.candidates.flatMap((candidate) => chargeLines(find(before, candidate), candidate)),
    ...after.candidates.filter((candidate) => !find(before, candidate)).map((candidate) => `also ${nameOf(candidate)}`),
    ...before.candidates
      .filter((candidate) => !find(after, candidate))
      .map((candidate) => `no longer ${nameOf(candidate)}${reasonOf(after, candidate)}`),
    ...orderLines(before, after),
  ]
}

function outcomeOf({ outcome, candidates: [first] }: DecisionRecord): string {
  return first ? `${nameOf(first)} at ${first.charge} credits` : `refused (${outcome})`
}

function strategyLines(before: DecisionRecord, after: DecisionRecord): string[] {
  if (!before.strategy || !after.strategy || before.strategy === after.strategy) return []
  return [`by ${after.strategy} instead of ${before.strategy}`]
}

function chargeLines(before: RecordedCandidate | undefined, after: RecordedCandidate): string[] {
  const { charge, ceiling } = after
  if (!before || (before.charge === charge && before.ceiling === ceiling)) return []
  const was = `${before.charge} (at most ${before.ceiling})`
  return [`${nameOf(after)}: ${charge} credits (at most ${ceiling}) instead of ${was}`]
}

/** Describes how the candidates that both have changed their order. */
function orderLines(before: DecisionRecord, after: DecisionRecord): string[] {
  const kept = after.candidates.filter((candidate) => find(before, candidate)).map(nameOf)
  const were = before.candidates.filter((candidate) => find(after, candidate)).map(nameOf)
  return kept.join() === were.join() ? [] : [`in the order ${kept.join(', ')} instead of ${were.join(', ')}`]
}

function reasonOf({ rejected }: DecisionRecord, { provider, model }: RecordedCandidate): string {
  const rejection = rejected.find((one) => one.provider === provider && one.model === model)
  return rejection ? `: ${rejection.reason}, ${rejection.detail}` : ''
}

function find({ candidates }: DecisionRecord, { provider, model, adapter }: RecordedCandidate): RecordedCandidate | undefined {
  return candidates.find((one) => one.provider === provider && one.model === model && one.adapter === adapter)
}

/** An adapter may offer several models of one provider. */
function nameOf({ provider, model, adapter }: RecordedCandidate): string {
  return model === provider ? `${provider} (${adapter})` : `${provider} ${model} (${adapter})`
}
