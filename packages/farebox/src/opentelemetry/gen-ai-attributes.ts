import type { Credits, Usage, UsageQuantity } from '@farebox/core'
import type { AttemptRecord, Candidate, Operation } from '@farebox/router'
import type { Attributes } from '@opentelemetry/api'

/** What the conventions call our operations. Operations without a name there keep ours. */
const OPERATIONS: Readonly<Record<Operation, string>> = {
  chat: 'chat',
  see: 'chat',
  embed: 'embeddings',
  transcribe: 'transcribe',
  listen: 'listen',
  speak: 'speak',
  converse: 'converse',
  call: 'call',
}

const SPOKEN: ReadonlySet<Operation> = new Set(['speak', 'converse'])

/** The name of an attempt's span, formed as the conventions say. */
export function spanName(operation: Operation, { offer }: Candidate): string {
  return `${OPERATIONS[operation]} ${offer.model}`
}

/**
 * The attributes that are known when an attempt begins, with a cardinality low enough for metrics. A phone call gets no
 * `gen_ai.*`: it is not generative AI.
 */
export function operationAttributes(operation: Operation, { offer, adapter }: Candidate): Attributes {
  const own = { 'farebox.service': offer.service, 'farebox.provider': offer.provider }
  if (operation === 'call') return { ...own, 'farebox.adapter': adapter.name }
  return {
    ...own,
    'gen_ai.operation.name': OPERATIONS[operation],
    'gen_ai.provider.name': adapter.name,
    'gen_ai.request.model': offer.model,
    ...(SPOKEN.has(operation) && { 'gen_ai.output.type': 'speech' }),
  }
}

/** How an attempt ended. */
export function endAttributes(record: AttemptRecord): Attributes {
  const { cause, outcome, status, requestId, answeredAt, startedAt, usage } = record
  return {
    'farebox.attempt.cause': cause,
    'farebox.attempt.outcome': outcome,
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...(requestId !== undefined && { 'farebox.provider.request_id': requestId }),
    ...(answeredAt !== undefined && { 'farebox.attempt.time_to_first_answer': (answeredAt - startedAt) / 1000 }),
    ...(usage && usageAttributes(usage)),
  }
}

/** The class of an attempt's failure. `undefined` where it succeeded or was abandoned. */
export function errorTypeOf({ outcome, errorKind }: AttemptRecord): string | undefined {
  return outcome === 'failed' || outcome === 'cut' ? (errorKind ?? outcome) : undefined
}

/**
 * Tokens as the conventions count them: input includes cached input, and output includes reasoning. `undefined`: not reported.
 */
export function tokensOf({ quantities }: Usage): { input: number | undefined; output: number | undefined } {
  const sum = (isCounted: (meter: string) => boolean) => {
    const counted = quantities.filter(({ meter, unit }) => unit === 'tokens' && isCounted(meter))
    return counted.length === 0 ? undefined : wholeOf(counted.reduce((total, { quantity }) => total + quantity, 0n))
  }
  return { input: sum((meter) => !isOutput(meter)), output: sum(isOutput) }
}

/** Credits as a number, for dashboards only. No charge is computed from it. */
export function creditsNumber(amount: Credits): number {
  return Number(amount) / 1_000_000
}

function usageAttributes(usage: Usage): Attributes {
  const { input, output } = tokensOf(usage)
  const cached = usage.quantities.filter(({ meter }) => meter.startsWith('cached_'))
  const written = usage.quantities.filter(({ meter }) => meter.startsWith('cache_write'))
  const others = Map.groupBy(
    usage.quantities.filter(({ unit }) => unit !== 'tokens'),
    ({ unit }) => unit,
  )
  const total = (of: readonly UsageQuantity[]) => wholeOf(of.reduce((sum, { quantity }) => sum + quantity, 0n))
  return {
    'farebox.usage.certainty': usage.certainty,
    ...(input !== undefined && { 'gen_ai.usage.input_tokens': input }),
    ...(output !== undefined && { 'gen_ai.usage.output_tokens': output }),
    ...(cached.length > 0 && { 'gen_ai.usage.cache_read.input_tokens': total(cached) }),
    ...(written.length > 0 && { 'gen_ai.usage.cache_creation.input_tokens': total(written) }),
    ...Object.fromEntries([...others].map(([unit, quantities]) => [`farebox.usage.${unit}`, total(quantities)])),
  }
}

function isOutput(meter: string): boolean {
  return meter === 'output' || meter === 'reasoning' || meter.endsWith('_output')
}

/** Converts a quantity, which counts millionths, to a number. */
function wholeOf(quantity: bigint): number {
  return Number(quantity) / 1_000_000
}
