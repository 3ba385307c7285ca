import { type Credits, isServiceName, QUANTITY_MAX, type Quantity, units } from '@farebox/core'
import { InvalidInputError } from './errors.ts'
import type { KeyServiceInput, RatedUsage, UsageInput } from './operations.ts'

/** The largest amount that one change may name: a billion credits. A larger one is a mistake, and sums of many must fit a column. */
const AMOUNT_MAX = 1_000_000_000n * 1_000_000n
const COST_MAX = 1_000_000_000n * 1_000_000_000n
const TEXT_MAX = 200
const DETAILS_MAX = 64 * 1024
const BODY_MAX = 2 * 1024 * 1024
/** Year 2255: the largest time that both databases, `Date` and JSON agree on without thought. */
const TIME_MAX = 9_000_000_000_000

/** A name or id: 1 to 200 printable characters. */
export function checkText(field: string, value: unknown): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > TEXT_MAX) {
    throw new InvalidInputError(field, `must be a text of 1 to ${TEXT_MAX} characters, received ${show(value)}`)
  }
  // Control characters and broken surrogate pairs are refused by Postgres or lost on the way.
  if (/\p{Cc}/u.test(value) || !value.isWellFormed()) throw new InvalidInputError(field, 'must not hold control characters')
  return value
}

export function checkOptionalText(field: string, value: unknown): string | undefined {
  return value === undefined ? undefined : checkText(field, value)
}

export function checkService(field: string, value: unknown): string {
  if (typeof value !== 'string' || !isServiceName(value)) {
    throw new InvalidInputError(field, `must be a lower-case service name such as gpt or voice_stt, received ${show(value)}`)
  }
  return value
}

/** An amount of credits above zero. */
export function checkAmount(field: string, value: unknown): Credits {
  if (typeof value !== 'bigint' || value <= 0n || value > AMOUNT_MAX) {
    throw new InvalidInputError(
      field,
      `must be above 0 and at most a billion credits, as bigint micro-credits; received ${show(value)}`,
    )
  }
  return value as Credits
}

/** An amount of credits of zero or more. */
export function checkAmountOrZero(field: string, value: unknown): Credits {
  return value === 0n ? (value as Credits) : checkAmount(field, value)
}

export function checkTime(field: string, value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > TIME_MAX) {
    throw new InvalidInputError(field, `must be whole epoch milliseconds, received ${show(value)}`)
  }
  return value as number
}

/** A span of time in whole milliseconds, at most a year. */
export function checkSpan(field: string, value: unknown, min: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > 366 * 86_400_000) {
    throw new InvalidInputError(field, `must be whole milliseconds from ${min} to a year, received ${show(value)}`)
  }
  return value as number
}

export function checkOneOf<Value extends string>(field: string, value: unknown, allowed: readonly Value[]): Value {
  if (!allowed.includes(value as Value)) {
    throw new InvalidInputError(field, `must be one of ${allowed.join(', ')}; received ${show(value)}`)
  }
  return value as Value
}

export function checkInteger(field: string, value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new InvalidInputError(field, `must be a whole number, received ${show(value)}`)
  return value as number
}

export function checkUsage(usage: UsageInput): RatedUsage {
  if (typeof usage !== 'object' || usage === null)
    throw new InvalidInputError('usage', `must be an object, received ${show(usage)}`)
  const { cost, details } = usage
  if (typeof usage.quantity !== 'bigint' || usage.quantity < 0n || usage.quantity > QUANTITY_MAX) {
    throw new InvalidInputError(
      'usage.quantity',
      `must be a bigint of millionths of a unit, 0 or more; received ${show(usage.quantity)}`,
    )
  }
  if (cost !== undefined && (typeof cost !== 'bigint' || cost < 0n || cost > COST_MAX)) {
    throw new InvalidInputError('usage.cost', `must be a bigint of nano-USD, 0 or more; received ${show(cost)}`)
  }
  if (details !== undefined && (JSON.stringify(details) ?? '').length > DETAILS_MAX) {
    throw new InvalidInputError('usage.details', `must not be longer than ${DETAILS_MAX} characters as JSON`)
  }
  return {
    ...usage,
    quantity: usage.quantity as Quantity,
    unit: checkOneOf('usage.unit', usage.unit, units),
    rated: checkAmountOrZero('usage.rated', usage.rated),
    roundingStep: checkAmount('usage.roundingStep', usage.roundingStep ?? 1_000_000n),
    certainty: checkOneOf('usage.certainty', usage.certainty ?? 'exact', ['exact', 'derived', 'floor', 'ceiling']),
    model: checkOptionalText('usage.model', usage.model),
    priceVersion: checkOptionalText('usage.priceVersion', usage.priceVersion),
  }
}

/** A JSON object of at most two megabytes. */
export function checkBody(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidInputError('body', `must be an object, received ${show(value)}`)
  }
  if (JSON.stringify(value).length > BODY_MAX)
    throw new InvalidInputError('body', `must not be longer than ${BODY_MAX} characters as JSON`)
  return value as Record<string, unknown>
}

export function checkKeyServices(services: readonly KeyServiceInput[], apiKeyId: string): (KeyServiceInput & { id: string })[] {
  return services.map((service, index) => ({
    id: `${apiKeyId}:${service.service}:${service.provider ?? '*'}`,
    service: checkService(`services[${index}].service`, service.service),
    provider: checkOptionalText(`services[${index}].provider`, service.provider),
    enabled: service.enabled ?? true,
    costLimitPerRequest:
      service.costLimitPerRequest === undefined
        ? undefined
        : checkAmountOrZero(`services[${index}].costLimitPerRequest`, service.costLimitPerRequest),
  }))
}

function show(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value)).slice(0, 60)
}
