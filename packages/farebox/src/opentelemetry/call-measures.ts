import type { Credits, Usage } from '@farebox/core'
import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'
import { creditsNumber, tokensOf } from './gen-ai-attributes.ts'

/** Bucket boundaries that the semantic conventions ask for. */
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const TOKENS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864]

/** The metric instruments. Their attributes are only codes and names that the host configured, so their cardinality stays low. */
export class CallMeasures {
  readonly #operationSeconds: Histogram
  readonly #tokens: Histogram
  readonly #callSeconds: Histogram
  readonly #credits: Counter
  readonly #holds: Counter
  readonly #refusals: Counter

  constructor(meter: Meter) {
    const buckets = (explicitBucketBoundaries: number[]) => ({ advice: { explicitBucketBoundaries } })
    this.#operationSeconds = meter.createHistogram('gen_ai.client.operation.duration', {
      description: 'GenAI operation duration.',
      unit: 's',
      ...buckets(SECONDS),
    })
    this.#tokens = meter.createHistogram('gen_ai.client.token.usage', {
      description: 'Number of input and output tokens used.',
      unit: '{token}',
      ...buckets(TOKENS),
    })
    this.#callSeconds = meter.createHistogram('farebox.call.duration', {
      description: 'Duration of calls, from their start to their charge.',
      unit: 's',
      ...buckets(SECONDS),
    })
    this.#credits = meter.createCounter('farebox.credits.charged', { description: 'Credits charged.', unit: '{credit}' })
    this.#holds = meter.createCounter('farebox.holds', {
      description: 'Calls for whose price credits were held.',
      unit: '{hold}',
    })
    this.#refusals = meter.createCounter('farebox.refusals', {
      description: 'Calls that were refused before they began, by error code.',
      unit: '{call}',
    })
  }

  /** Records one attempt. `attributes` are those of its span with low cardinality. */
  attempted(attributes: Attributes, milliseconds: number, usage: Usage | undefined): void {
    this.#operationSeconds.record(milliseconds / 1000, attributes)
    if (!usage) return
    const { 'error.type': _, ...of } = attributes
    const { input, output } = tokensOf(usage)
    if (input !== undefined) this.#tokens.record(input, { ...of, 'gen_ai.token.type': 'input' })
    if (output !== undefined) this.#tokens.record(output, { ...of, 'gen_ai.token.type': 'output' })
  }

  held(service: string): void {
    this.#holds.add(1, { 'farebox.service': service })
  }

  refused(service: string, reason: string): void {
    this.#refusals.add(1, { 'farebox.service': service, 'farebox.refusal.reason': reason })
  }

  ended({ service, operation, outcome }: { service: string; operation: string; outcome: string }, milliseconds: number): void {
    const attributes = { 'farebox.service': service, 'farebox.operation': operation, 'farebox.outcome': outcome }
    this.#callSeconds.record(milliseconds / 1000, attributes)
  }

  charged({ service, operation }: { service: string; operation: string }, amount: Credits): void {
    if (amount > 0n) this.#credits.add(creditsNumber(amount), { 'farebox.service': service, 'farebox.operation': operation })
  }
}
