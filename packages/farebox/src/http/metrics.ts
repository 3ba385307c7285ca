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
  text(providers: readonly { name: string; availability: { status: string }; isSimulated: boolean }[]): string {
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
      '',
    ].join('\n')
  }
}
