import { type Credits, formatCredits, microCredits, type Service } from '@farebox/core'
import type { AttemptRecord } from '@farebox/router'
import type { CallEnd, CallObserver, CallWatcher, ObservedCall } from './call-observer.ts'
import { Counter, DurationHistogram } from './instruments.ts'
import type { MetricFamily } from './metric-family.ts'
import { codeOf } from './outcome-of-error.ts'

/** Counts what one Farebox does in this process. Labels are codes and names that the host configured, never input of callers. */
export class BoxMetrics implements CallObserver {
  readonly #requests = new Counter({
    name: 'farebox_http_requests_total',
    help: 'Responses by route and status.',
    labels: ['method', 'path', 'status'],
  })
  readonly #requestSeconds = new DurationHistogram({
    name: 'farebox_http_request_duration_seconds',
    help: 'Time to the response, or to the first byte of a stream, by route.',
    labels: ['method', 'path'],
  })
  readonly #calls = new Counter({
    name: 'farebox_calls_total',
    help: 'Calls that have ended.',
    labels: ['service', 'operation', 'outcome'],
  })
  readonly #callSeconds = new DurationHistogram({
    name: 'farebox_call_duration_seconds',
    help: 'Duration of calls, from their start to their charge.',
    labels: ['service', 'operation'],
  })
  readonly #attempts = new Counter({
    name: 'farebox_attempts_total',
    help: 'Attempts at providers, by cause (such as retry, fallback or hedge) and outcome.',
    labels: ['adapter', 'service', 'provider', 'cause', 'outcome', 'error'],
  })
  readonly #attemptSeconds = new DurationHistogram({
    name: 'farebox_attempt_duration_seconds',
    help: 'Duration of attempts.',
    labels: ['adapter', 'service', 'provider'],
  })
  readonly #credits = new Counter(
    {
      name: 'farebox_credits_charged_total',
      help: 'Credits charged by this process, without what reconciliation charges or corrects later.',
      labels: ['service'],
    },
    (total) => formatCredits(microCredits(total)),
  )
  readonly #holds = new Counter({
    name: 'farebox_holds_total',
    help: 'Calls for whose price credits were held.',
    labels: ['service'],
  })
  readonly #refusals = new Counter({
    name: 'farebox_refusals_total',
    help: 'Calls that were refused before they began, by error code.',
    labels: ['service', 'reason'],
  })

  begin({ service, operation }: ObservedCall): CallWatcher {
    const startedAt = performance.now()
    return {
      held: () => this.#holds.add({ service }),
      attempted: (record) => this.#attempted(service, record),
      ended: (end) => {
        this.#callSeconds.observe({ service, operation }, performance.now() - startedAt)
        this.#ended({ service, operation }, end)
      },
    }
  }

  recorded({ service, creditsUsed }: { service: Service; creditsUsed: Credits }): void {
    this.#credits.add({ service }, creditsUsed)
  }

  /** @param path  the path pattern of the route, so that ids do not become labels */
  answered(method: string, path: string, status: number, milliseconds: number): void {
    this.#requests.add({ method: method.toUpperCase(), path, status: String(status) })
    this.#requestSeconds.observe({ method: method.toUpperCase(), path }, milliseconds)
  }

  families(): MetricFamily[] {
    return [
      this.#requests.family(),
      this.#requestSeconds.family(),
      this.#calls.family(),
      this.#callSeconds.family(),
      this.#attempts.family(),
      this.#attemptSeconds.family(),
      this.#credits.family(),
      this.#holds.family(),
      this.#refusals.family(),
    ]
  }

  #attempted(service: Service, { candidate, cause, outcome, errorKind, startedAt, endedAt }: AttemptRecord): void {
    const of = { adapter: candidate.adapter.name, service, provider: candidate.offer.provider }
    this.#attempts.add({ ...of, cause, outcome, error: errorKind ?? '' })
    this.#attemptSeconds.observe(of, endedAt - startedAt)
  }

  #ended({ service, operation }: { service: Service; operation: string }, { outcome, creditsUsed, error }: CallEnd): void {
    this.#calls.add({ service, operation, outcome })
    if (creditsUsed > 0n) this.#credits.add({ service }, creditsUsed)
    if (outcome === 'refused') this.#refusals.add({ service, reason: codeOf(error) })
  }
}
