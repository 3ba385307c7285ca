import { type CharacterCounting, formatQuantity, quantity, type Unit, type UsageQuantity } from '@farebox/core'
import type { OtherMeters } from '@farebox/pricing'
import type { RequestMetadata } from './conditions.ts'
import type { PhoneNumbers, RouteNeeds, RouteRequest } from './route-request.ts'
import type { ServiceConfiguration, StatedComplexity } from './service-configuration.ts'

/** A request without its content. */
export interface RecordedRequest {
  /** `1200 tokens input`. For characters, the other counts follow: `5 characters characters utf8_bytes=6`. */
  readonly expected: readonly string[]
  readonly most: readonly string[]
  /** Other meters by which a provider may count `most`. */
  readonly otherMeters?: OtherMeters
  /** Usage on top of `most`, for offers that have a price for it. */
  readonly mostIfPriced?: readonly string[]
  readonly needs?: RouteNeeds
  readonly provider?: string
  readonly complexity?: StatedComplexity
  readonly accuracy?: 'standard' | 'high'
  readonly excludes?: readonly string[]
  /** Only the keys that the configuration's conditions match. */
  readonly metadata?: RequestMetadata
  /** Only the first seven characters, which prices depend on. */
  readonly numbers?: PhoneNumbers
  readonly session?: { provider: string; adapter?: string; model?: string; cachedInput: string; expiresAt: number }
}

const NUMBER_PREFIX = 7

export function recordedRequest(request: RouteRequest, configuration: ServiceConfiguration): RecordedRequest {
  const {
    needs,
    provider,
    complexity,
    accuracy,
    excludes,
    session,
    numbers,
    otherMeters,
    ceilingIfPriced,
    metadata = {},
  } = request
  const keys = new Set(configuration.conditions.flatMap(({ when }) => Object.keys(when)))
  const seen = Object.entries(metadata).filter(([key]) => keys.has(key))
  return {
    expected: usageTexts(request.expected),
    most: usageTexts(request.ceiling),
    otherMeters,
    mostIfPriced: ceilingIfPriced?.length ? usageTexts(ceilingIfPriced) : undefined,
    needs: needs && Object.keys(needs).length > 0 ? { ...needs } : undefined,
    provider,
    complexity,
    accuracy,
    excludes: excludes?.length ? [...excludes] : undefined,
    metadata: seen.length > 0 ? Object.fromEntries(seen) : undefined,
    numbers: numbers && prefixes(numbers),
    session: session && { ...session, cachedInput: formatQuantity(session.cachedInput) },
  }
}

/** Formats usage as short texts: `1200 tokens input`. */
export function usageTexts(quantities: readonly UsageQuantity[]): string[] {
  return quantities.map(({ meter, quantity: amount, unit, counts }) => {
    // `join` rather than a template: with concatenated strings, `JSON.stringify` takes twice as long over the whole record.
    const text = [formatQuantity(amount), unit, meter].join(' ')
    if (!counts) return text
    return Object.entries(counts).reduce((said, [counting, count]) => `${said} ${counting}=${formatQuantity(count)}`, text)
  })
}

/** Parses what {@link usageTexts} wrote. */
export function readUsage(texts: readonly string[]): UsageQuantity[] {
  return texts.map((text) => {
    const [amount = '0', unit = 'tokens', meter = 'input', ...others] = text.split(' ')
    const counts = others.map((other) => other.split('=')).map(([counting, count = '0']) => [counting, quantity(count)])
    return {
      meter,
      quantity: quantity(amount),
      unit: unit as Unit,
      ...(counts.length > 0 && {
        counts: Object.fromEntries(counts) as Partial<Record<CharacterCounting, UsageQuantity['quantity']>>,
      }),
    }
  })
}

function prefixes({ to, from }: PhoneNumbers): PhoneNumbers {
  return {
    ...(to !== undefined && { to: to.slice(0, NUMBER_PREFIX) }),
    ...(from !== undefined && { from: from.slice(0, NUMBER_PREFIX) }),
  }
}
