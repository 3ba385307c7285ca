import { formatUsd, nanoUsd } from '@farebox/core'
import type { DecisionRecord } from '@farebox/router'
import type { KeptDecision } from './kept-decisions.ts'

/**
 * Converts a routing decision to wire form. Amounts are decimal strings of credits.
 *
 * @param isHost  whether to include what only the host may know: what providers charge, and why one is disabled
 */
export function decisionJson({ usageId, provider, decision }: KeptDecision, { isHost }: { isHost: boolean }) {
  const { at, request, configuration, session } = decision
  return {
    usage_id: usageId,
    service_type: decision.service,
    operation: decision.operation,
    answered_by: provider,
    decided_at: at === undefined ? null : new Date(at).toISOString(),
    outcome: decision.outcome,
    strategy: decision.strategy,
    hold: decision.hold,
    price_version: decision.priceVersion,
    configuration: configuration.differs,
    conditions_met: configuration.conditions,
    expected: request.expected,
    at_most: request.most,
    asked_provider: request.provider,
    complexity: decision.complexity && { ...decision.complexity },
    candidates: decision.candidates.map((candidate) => candidateJson(candidate, isHost)),
    candidates_omitted: decision.candidatesOmitted,
    rejected: decision.rejected.map(({ provider: rejected, model, adapter, reason, detail, charge }) => {
      const told = reason === 'provider_disabled' && !isHost ? 'it is switched off' : detail
      return { provider: rejected, model, adapter, reason, detail: told, charge }
    }),
    rejected_omitted: decision.rejectedOmitted,
    not_offered: decision.notOffered,
    exploration: decision.exploration && {
      candidate: decision.exploration.candidate,
      instead_of: decision.exploration.insteadOf,
    },
    session: session && { candidate: session.candidate, is_kept: session.isKept },
  }
}

function candidateJson(candidate: DecisionRecord['candidates'][number], isHost: boolean) {
  const { provider, model, adapter, charge, ceiling, cost, latencyMs, quality, score, condition = 'ok', why } = candidate
  return {
    provider,
    model,
    adapter,
    simulated: candidate.isSimulated === true,
    charge,
    ceiling,
    ...(isHost && cost !== undefined && { cost_usd: formatUsd(nanoUsd(BigInt(cost))) }),
    latency_ms: latencyMs,
    quality,
    score,
    condition,
    error_rate: candidate.errorRate,
    rate_limited_rate: candidate.rateLimitedRate,
    why,
  }
}
