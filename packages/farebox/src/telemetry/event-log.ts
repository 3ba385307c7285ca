import { formatCredits } from '@farebox/core'
import type { AttemptRecord, HealthCondition, HealthView } from '@farebox/router'
import type { Difference, ReconcileReport } from '../reconcile/difference.ts'
import type { CallEnd, CallObserver, CallWatcher, ObservedCall } from './call-observer.ts'
import { errorFacts } from './error-facts.ts'
import type { Logger } from './logger.ts'
import { quietly } from './watch-call.ts'

/** Writes events to the host's logger, if there is one. Errors of the logger are ignored. */
export class EventLog implements CallObserver {
  readonly #logger: Logger | undefined
  readonly #health: HealthView
  /** The last logged condition of each offer that is not healthy, by health key. */
  readonly #conditions = new Map<string, HealthCondition>()

  constructor(logger: Logger | undefined, health: HealthView) {
    this.#logger = logger
    this.#health = health
  }

  begin(call: ObservedCall): CallWatcher | undefined {
    if (!this.#logger) return undefined
    const facts = factsOf(call)
    return {
      attempted: (record) => this.#attempted(facts, record),
      ended: (end) => this.#ended(facts, end),
    }
  }

  spooled({ accountId, workflowId, holdId }: { accountId: string; workflowId: string; holdId: string }): void {
    const facts = { account_id: accountId, workflow_id: workflowId, hold_id: holdId }
    this.#tell('warn', facts, 'the database is unreachable: usage was spooled')
  }

  /** Logs a failure that nobody awaits. */
  unawaited(error: unknown): void {
    this.#tell('error', errorFacts(error), 'background work failed')
  }

  /** Logs an API response that reports a server error. */
  answered(facts: { method: string; path: string; status: number; x_request_id?: string }, error: unknown): void {
    this.#tell('error', { ...facts, ...errorFacts(error) }, 'a request failed')
  }

  reconciled({ adapters, agreed, differences }: ReconcileReport): void {
    for (const difference of differences) this.#tell('warn', differenceFacts(difference), 'our records differ from a provider’s')
    const counts = { adapters: adapters.length, agreed, differences: differences.length }
    this.#tell('info', counts, 'our records were compared with the providers’')
  }

  #attempted(call: object, record: AttemptRecord): void {
    const { candidate, attemptId, cause, outcome, startedAt, endedAt, errorKind, error } = record
    const { provider, model } = candidate.offer
    const facts = { ...call, attempt_id: attemptId, adapter: candidate.adapter.name, provider, model, cause, outcome }
    const timed = { ...facts, duration_ms: endedAt - startedAt }
    if (outcome === 'failed' || outcome === 'cut') {
      this.#tell('warn', { ...(error ? errorFacts(error) : { kind: errorKind }), ...timed }, 'an attempt failed')
    } else {
      this.#tell('debug', timed, 'an attempt ended')
      if (cause === 'fallback' && outcome === 'succeeded') this.#tell('info', facts, 'another provider answered')
    }
    this.#noticeHealth(record)
  }

  /** Logs when a circuit breaker opens or closes, or a pause begins or ends. */
  #noticeHealth({ candidate }: AttemptRecord): void {
    const { healthKey } = candidate.entry
    const condition = this.#health.read(healthKey)?.condition ?? 'ok'
    const before = this.#conditions.get(healthKey) ?? 'ok'
    if (condition === before) return
    if (condition === 'ok') this.#conditions.delete(healthKey)
    else this.#conditions.set(healthKey, condition)
    const { service, provider, model } = candidate.offer
    const facts = { adapter: candidate.adapter.name, service, provider, model, condition, before }
    if (condition === 'ok') this.#tell('info', facts, 'a provider has recovered')
    else this.#tell('warn', facts, condition === 'sick' ? 'a breaker opened' : 'a provider accepts fewer calls')
  }

  #ended(call: object, { outcome, creditsUsed, candidate, error }: CallEnd): void {
    const served = candidate && { provider: candidate.offer.provider, model: candidate.offer.model }
    const facts = { ...call, outcome, credits_used: formatCredits(creditsUsed), ...served }
    switch (outcome) {
      case 'refused':
        this.#tell('info', { ...facts, ...errorFacts(error) }, 'a call was refused')
        break
      case 'failed':
        this.#tell('error', { ...facts, ...errorFacts(error) }, 'a call failed')
        break
      case 'cut':
        this.#tell('warn', facts, 'an answer broke off')
        break
      default:
        this.#tell('debug', facts, 'a call ended')
    }
  }

  #tell(level: keyof Logger, facts: object, message: string): void {
    quietly(() => this.#logger?.[level](facts, message))
  }
}

function factsOf({ accountId, workflowId, service, operation }: ObservedCall) {
  return { account_id: accountId, workflow_id: workflowId, service, operation }
}

/** Describes a difference by its ids. Leaves out the phone number that was called. */
function differenceFacts(difference: Difference): Record<string, unknown> {
  const { type, ...facts } = difference as Difference & Record<string, unknown>
  const named = Object.entries({
    account_id: facts.accountId,
    usage_id: facts.usageId,
    hold_id: facts.holdId,
    adapter: facts.adapter,
    request_id: facts.requestId,
    is_applied: facts.isApplied,
  })
  const known = Object.fromEntries(named.filter(([, value]) => value !== undefined))
  return { type, ...known, ...(facts.error !== undefined && errorFacts(facts.error)) }
}
