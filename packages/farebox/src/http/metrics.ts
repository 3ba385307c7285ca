import type { QueueStats } from '@farebox/ledger'

/** Counts answers, for Prometheus. */
export class RequestMetrics {
  readonly #counts = new Map<string, number>()
  readonly #seconds = new Map<string, number>()

  /** @param path  as the route is written, so that ids do not become labels */
  count(method: string, path: string, status: number, seconds: number): void {
    const labels = `method="${method.toUpperCase()}",path="${path}",status="${status}"`
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + 1)
    this.#seconds.set(labels, (this.#seconds.get(labels) ?? 0) + seconds)
  }

  /** In the Prometheus text format. */
  text(
    providers: readonly { name: string; availability: { status: string }; isSimulated: boolean }[],
    queue: QueueStats,
  ): string {
    return [
      '# HELP farebox_http_requests_total Answers by route and status.',
      '# TYPE farebox_http_requests_total counter',
      ...[...this.#counts].map(([labels, count]) => `farebox_http_requests_total{${labels}} ${count}`),
      '# HELP farebox_http_request_seconds_total Time spent on answers.',
      '# TYPE farebox_http_request_seconds_total counter',
      ...[...this.#seconds].map(([labels, seconds]) => `farebox_http_request_seconds_total{${labels}} ${seconds.toFixed(6)}`),
      '# HELP farebox_provider_ready Whether a provider takes calls.',
      '# TYPE farebox_provider_ready gauge',
      ...providers.map(
        ({ name, availability, isSimulated }) =>
          `farebox_provider_ready{provider="${name}",simulated="${isSimulated}"} ${availability.status === 'ready' ? 1 : 0}`,
      ),
      ...queueLines(queue),
      '',
    ].join('\n')
  }
}

/** How long changes wait for the ledger's database: waited seconds ÷ changes is the mean wait, changes ÷ transactions the mean batch. */
function queueLines(queue: QueueStats): string[] {
  const metric = (name: string, type: 'counter' | 'gauge', help: string, value: number | string) => [
    `# HELP farebox_ledger_${name} ${help}`,
    `# TYPE farebox_ledger_${name} ${type}`,
    `farebox_ledger_${name} ${value}`,
  ]
  const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(6)
  return [
    ...metric('waiting', 'gauge', 'Changes that wait for a transaction.', queue.waiting),
    ...metric('changes_total', 'counter', 'Changes that were in a transaction.', queue.operations),
    ...metric('transactions_total', 'counter', 'Transactions that are over.', queue.batches),
    ...metric('failed_transactions_total', 'counter', 'Transactions that failed.', queue.failedBatches),
    ...metric('wait_seconds_total', 'counter', 'Time that changes waited for their transaction.', seconds(queue.waitMsSum)),
    ...metric('transaction_seconds_total', 'counter', 'Time that transactions took.', seconds(queue.durationMsSum)),
  ]
}
