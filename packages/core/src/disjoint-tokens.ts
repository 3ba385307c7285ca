import { FareboxError } from './errors.ts'
import { quantity } from './quantity.ts'
import type { InputTokenMeter, OutputTokenMeter, TokenMeter, UsageQuantity } from './usage.ts'

/** Token counts as a source reported them. Absent or `undefined` means "not reported"; 0 means "reported as none". */
export type TokenCounts = Readonly<Partial<Record<TokenMeter, number | undefined>>>

/** How a source counts tokens: which parts its totals already include. It counts every other part separately. */
export interface TokenSource {
  /** The source's name, for error messages: `OpenAI chat completions`. */
  name: string
  /** Parts of the prompt that the source's `input` includes. */
  inputIncludes: readonly Exclude<InputTokenMeter, 'input'>[]
  /** Parts of the answer that the source's `output` includes. */
  outputIncludes: readonly Exclude<OutputTokenMeter, 'output'>[]
}

/**
 * Splits reported counts into buckets that do not overlap, so that each can be priced by itself. It subtracts from each total the
 * parts that the total includes. A bucket that was not reported is absent, never zero. A part reported as none is left out,
 * because it adds nothing to any price.
 *
 * @returns the buckets, `input` and `output` first; they add up to what was consumed, with each token counted once
 * @throws {InvalidUsageError} a count is not a whole number of zero or more, parts add up to more than the total that includes
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

/** A source reported counts that contradict each other, or values that are not counts. Nothing is charged for them. */
export class InvalidUsageError extends FareboxError {
  override readonly code = 'INVALID_USAGE'
  /** The name of the source. */
  readonly source: string
  /** The impossible count: a meter, or a field of the provider's answer. */
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
  throw invalid(source, meter, `reported ${value} tokens of ${meter}, which is not a whole number of 0 or more`)
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
