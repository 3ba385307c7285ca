import { FareboxError } from './errors.ts'
import { quantity } from './quantity.ts'
import type { InputTokenMeter, OutputTokenMeter, TokenMeter, UsageQuantity } from './usage.ts'

/** Counts as a source reported them; absent and `undefined` are "not reported", and 0 is "reported as none". */
export type TokenCounts = Readonly<Partial<Record<TokenMeter, number | undefined>>>

/** How a source counts: which of its parts are counted a second time in its totals. What is not named is counted apart. */
export interface TokenSource {
  /** Who counts, for errors: `OpenAI chat completions`. */
  name: string
  /** Parts of the prompt that the source's `input` counts too. */
  inputIncludes: readonly Exclude<InputTokenMeter, 'input'>[]
  /** Parts of the answer that the source's `output` counts too. */
  outputIncludes: readonly Exclude<OutputTokenMeter, 'output'>[]
}

/**
 * Splits reported counts into buckets that do not overlap, so that each can be priced by itself: what a total includes is taken
 * out of it. A bucket that was not reported is absent, never zero; a part that was reported as none is left out, because it adds
 * nothing to any price.
 *
 * @returns the buckets, `input` and `output` first; their sum is what was consumed, each token counted once
 * @throws {InvalidUsageError} a count is no whole number of zero or more, the parts add up to more than the total that includes
 *   them, or such a part is reported without its total
 */
export function disjointTokens(counts: TokenCounts, source: TokenSource): UsageQuantity[] {
  const totals = (['input', 'output'] as const).flatMap((total): UsageQuantity[] => {
    const parts = total === 'input' ? source.inputIncludes : source.outputIncludes
    const reported = count(counts, total, source)
    const within = parts.reduce((sum, part) => sum + (count(counts, part, source) ?? 0), 0)
    if (reported === undefined) {
      if (within > 0) throw invalid(source, total, `reported ${describe(counts, parts)} without the ${total} that includes it`)
      return []
    }
    if (within > reported) {
      throw invalid(source, total, `reported ${describe(counts, parts)} within ${total} of ${reported}`)
    }
    return [tokens(total, reported - within)]
  })
  const parts = (Object.keys(counts) as TokenMeter[]).flatMap((meter) => {
    const reported = meter === 'input' || meter === 'output' ? undefined : count(counts, meter, source)
    return reported ? [tokens(meter, reported)] : []
  })
  return [...totals, ...parts]
}

/** A source's own counts contradict each other, or are no counts. Nothing is charged by them. */
export class InvalidUsageError extends FareboxError {
  override readonly code = 'INVALID_USAGE'
  /** Who counted. */
  readonly source: string
  /** The count that cannot be: a meter, or a field of the provider's answer. */
  readonly field: string

  constructor(source: string, field: string, problem: string) {
    super(`${source} ${problem}`)
    this.source = source
    this.field = field
  }
}

function count(counts: TokenCounts, meter: TokenMeter, source: TokenSource): number | undefined {
  const value = counts[meter]
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(source, meter, `reported ${value} tokens of ${meter}, which is no whole number of zero or more`)
}

function describe(counts: TokenCounts, parts: readonly TokenMeter[]): string {
  return parts.flatMap((part) => (counts[part] ? [`${part} of ${counts[part]}`] : [])).join(' and ')
}

function tokens(meter: TokenMeter, value: number): UsageQuantity {
  return { meter, quantity: quantity(value), unit: 'tokens' }
}

function invalid(source: TokenSource, field: TokenMeter, problem: string): InvalidUsageError {
  return new InvalidUsageError(source.name, field, problem)
}
