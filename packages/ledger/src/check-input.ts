import {
  type Clock,
  type Credits,
  InvalidOptionError,
  isServiceName,
  type NanoUsd,
  QUANTITY_MAX,
  type Quantity,
  units,
} from '@farebox/core'
import { InvalidInputError } from './errors.ts'
import type { KeyServiceInput, LinesSoFar, NewWorkflow, RolloverInput, UsageInput } from './inputs.ts'
import { checkFieldNames, type FieldNames, newWorkflowFields } from './known-fields.ts'
import type { Operations, RatedUsage } from './operations.ts'

/** The largest amount in one change: a billion credits. A larger one is a mistake, and sums of many amounts must fit a column. */
const AMOUNT_MAX = 1_000_000_000n * 1_000_000n
const COST_MAX = 1_000_000_000n * 1_000_000_000n
/** The most characters in a name or id. */
export const TEXT_MAX = 200
const DETAILS_MAX = 64 * 1024
const BODY_MAX = 8 * 1024 * 1024
/** In the year 2255, well within what both databases, `Date` and JSON can represent. */
const TIME_MAX = 9_000_000_000_000

/** A name or id: 1 to 200 printable characters. */
export function checkText(field: string, value: unknown): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > TEXT_MAX) {
    throw new InvalidInputError(field, `must be a text of 1 to ${TEXT_MAX} characters, received ${show(value)}`)
  }
  checkPrintable(field, value)
  return value
}

/** A list of names or ids. */
export function checkTexts(field: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw new InvalidInputError(field, `must be a list, received ${show(value)}`)
  return value.map((text, index) => checkText(`${field}[${index}]`, text))
}

/** A text to compare with what is stored. It may be empty and of any length, but hold nothing that no stored text can. */
export function checkSought(field: string, value: unknown): string {
  if (typeof value !== 'string') throw new InvalidInputError(field, `must be a text, received ${show(value)}`)
  checkPrintable(field, value)
  return value
}

function checkPrintable(field: string, value: string): void {
  if (!isPrintable(value)) throw new InvalidInputError(field, 'must not hold control characters')
}

/** Whether a stored text may be this. Postgres rejects control characters and broken surrogate pairs, or they get lost on the way. */
export function isPrintable(text: string): boolean {
  return !/\p{Cc}/u.test(text) && text.isWellFormed()
}

/** The prefixes of ids that the ledger derives from others. They may repeat, since a grant can be carried over again. */
const OWN_PREFIX = /^(?:(?:reserve|rollover|refund):)+/

/** An id that the caller chose for something new. It must not look like one that the ledger derives itself. */
export function checkNewId(field: string, value: unknown): string {
  const id = checkText(field, value)
  const [own] = OWN_PREFIX.exec(id) ?? []
  if (own) throw new InvalidInputError(field, `must not begin with ${own}, which the ledger's own ids do`)
  return id
}

/** The id of something that exists: a caller's, or a longer one that the ledger derived from it. */
export function checkKnownId(field: string, value: unknown): string {
  const [own = ''] = (typeof value === 'string' && OWN_PREFIX.exec(value)) || []
  if (!own) return checkText(field, value)
  const rest = String(value).slice(own.length)
  // A refund may make several grants, and numbers them after its id.
  const [count = ''] = (own.startsWith('refund:') && /(?<=.):\d{1,9}$/.exec(rest)) || []
  return own + checkText(field, rest.slice(0, rest.length - count.length)) + count
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
  if (typeof value !== 'bigint' || value <= 0n || value > AMOUNT_MAX) throw notAnAmount(field, 'above 0', value)
  return value as Credits
}

/** An amount of credits of zero or more. */
export function checkAmountOrZero(field: string, value: unknown): Credits {
  if (typeof value !== 'bigint' || value < 0n || value > AMOUNT_MAX) throw notAnAmount(field, '0, or above 0', value)
  return value as Credits
}

function notAnAmount(field: string, least: string, value: unknown): InvalidInputError {
  const problem = `must be ${least} and at most a billion credits, as bigint micro-credits; received ${show(value)}`
  return new InvalidInputError(field, problem)
}

export function checkTime(field: string, value: unknown): number {
  if (isTime(value)) return value
  throw new InvalidInputError(field, `must be whole epoch milliseconds, received ${show(value)}`)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= TIME_MAX
}

/** A list of shares in whole percent. */
export function checkPercents(field: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw new InvalidInputError(field, `must be a list of whole percents, received ${show(value)}`)
  for (const [index, percent] of value.entries()) {
    if (Number.isInteger(percent) && percent >= 1 && percent <= 100) continue
    throw new InvalidInputError(`${field}[${index}]`, `must be a whole percent from 1 to 100, received ${show(percent)}`)
  }
  return value as number[]
}

/** A time zone that this machine knows, returned under the name that this machine uses. */
export function checkTimeZone(field: string, value: unknown): string {
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: checkText(field, value) }).resolvedOptions()
    return timeZone
  } catch {
    throw new InvalidInputError(field, `must be an IANA time zone such as Europe/Berlin, received ${show(value)}`)
  }
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

/** The limit of a page: at least one. */
export function checkLimit(value: unknown): number {
  const limit = checkInteger('limit', value)
  if (limit < 1) throw new InvalidInputError('limit', `must be 1 or more, received ${limit}`)
  return limit
}

const rolloverFields: FieldNames<RolloverInput> = { max: true, ttlMs: true, times: true }

/** How a grant is carried over, as the state machine takes it. */
export function checkRollover(input: RolloverInput, expiresAt: number | undefined): NonNullable<Operations['grant']['rollover']> {
  if (typeof input !== 'object' || input === null)
    throw new InvalidInputError('rollover', `must be an object, received ${show(input)}`)
  checkFieldNames(input, rolloverFields, 'rollover', 'rollover.')
  if (expiresAt === undefined)
    throw new InvalidInputError('rollover', 'needs expiresAt: a grant that never expires is not carried over')
  const times = checkInteger('rollover.times', input.times ?? 1)
  if (times < 1 || times > 12) throw new InvalidInputError('rollover.times', `must be 1 to 12, received ${times}`)
  return {
    max: input.max === undefined ? null : checkAmount('rollover.max', input.max),
    ttlMs: input.ttlMs === undefined ? undefined : checkSpan('rollover.ttlMs', input.ttlMs, 1),
    times,
  }
}

/** What a provider charges us. */
export function checkCost(field: string, value: unknown): NanoUsd {
  if (typeof value !== 'bigint' || value < 0n || value > COST_MAX) {
    throw new InvalidInputError(field, `must be a bigint of nano-USD, 0 or more; received ${show(value)}`)
  }
  return value as NanoUsd
}

const usageFields: FieldNames<UsageInput> = {
  quantity: true,
  unit: true,
  rated: true,
  roundingStep: true,
  model: true,
  cost: true,
  certainty: true,
  priceVersion: true,
  details: true,
}

export function checkUsage(usage: UsageInput): RatedUsage {
  if (typeof usage !== 'object' || usage === null)
    throw new InvalidInputError('usage', `must be an object, received ${show(usage)}`)
  checkFieldNames(usage, usageFields, 'usage', 'usage.')
  const { cost } = usage
  if (typeof usage.quantity !== 'bigint' || usage.quantity < 0n || usage.quantity > QUANTITY_MAX) {
    throw new InvalidInputError(
      'usage.quantity',
      `must be a bigint of millionths of a unit, 0 or more; received ${show(usage.quantity)}`,
    )
  }
  if (cost !== undefined) checkCost('usage.cost', cost)
  return {
    quantity: usage.quantity as Quantity,
    unit: checkOneOf('usage.unit', usage.unit, units),
    rated: checkAmountOrZero('usage.rated', usage.rated),
    roundingStep: checkAmount('usage.roundingStep', usage.roundingStep ?? 1_000_000n),
    certainty: checkOneOf('usage.certainty', usage.certainty ?? 'exact', ['exact', 'derived', 'floor', 'ceiling']),
    cost,
    details: usage.details === undefined ? undefined : jsonOf('usage.details', usage.details, DETAILS_MAX),
    model: checkOptionalText('usage.model', usage.model),
    priceVersion: checkOptionalText('usage.priceVersion', usage.priceVersion),
  }
}

const lineFields: FieldNames<LinesSoFar> = { quantity: true, rated: true }

/** What lines of a receipt should have come to, if that matters. Corrections may have taken their price below zero. */
export function checkLinesSoFar(line: LinesSoFar | undefined): LinesSoFar | undefined {
  if (line === undefined) return undefined
  if (typeof line !== 'object' || line === null) {
    throw new InvalidInputError('linesSoFar', `must be an object, received ${show(line)}`)
  }
  checkFieldNames(line, lineFields, 'linesSoFar', 'linesSoFar.')
  for (const name of ['quantity', 'rated'] as const) {
    if (typeof line[name] !== 'bigint') {
      throw new InvalidInputError(`linesSoFar.${name}`, `must be a bigint, received ${show(line[name])}`)
    }
  }
  return { quantity: line.quantity, rated: line.rated }
}

/** A JSON object of at most eight megabytes. */
export function checkBody(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidInputError('body', `must be an object, received ${show(value)}`)
  }
  return JSON.parse(jsonOf('body', value, BODY_MAX))
}

/** The services that something is limited to: at least one. */
export function checkServices(field: string, value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InvalidInputError(field, `must name a service, or be left out for every service; received ${show(value)}`)
  }
  return value.map((service, index) => checkService(`${field}[${index}]`, service))
}

export function checkKeyServices(services: readonly KeyServiceInput[], apiKeyId: string): (KeyServiceInput & { id: string })[] {
  if (!Array.isArray(services)) throw new InvalidInputError('services', `must be a list, received ${show(services)}`)
  const checked = services.map((service, index) => checkKeyService(`services[${index}]`, service, apiKeyId))
  for (const [index, { id }] of checked.entries()) {
    if (checked.findIndex((other) => other.id === id) === index) continue
    throw new InvalidInputError(`services[${index}]`, 'names the same service and provider as an earlier entry')
  }
  return checked
}

const keyServiceFields: FieldNames<KeyServiceInput> = { service: true, provider: true, enabled: true, costLimitPerRequest: true }

function checkKeyService(field: string, input: KeyServiceInput, apiKeyId: string): KeyServiceInput & { id: string } {
  if (typeof input !== 'object' || input === null)
    throw new InvalidInputError(field, `must be an object, received ${show(input)}`)
  checkFieldNames(input, keyServiceFields, 'services', `${field}.`)
  const service = checkService(`${field}.service`, input.service)
  const provider = checkOptionalText(`${field}.provider`, input.provider)
  const enabled = input.enabled ?? true
  if (typeof enabled !== 'boolean')
    throw new InvalidInputError(`${field}.enabled`, `must be true or false, received ${show(enabled)}`)
  return {
    id: [apiKeyId, service, provider ?? ''].map(escapeSeparators).join(':'),
    service,
    provider,
    enabled,
    costLimitPerRequest:
      input.costLimitPerRequest === undefined
        ? undefined
        : checkAmountOrZero(`${field}.costLimitPerRequest`, input.costLimitPerRequest),
  }
}

/** Escapes one part of a compound id, so that different lists of parts never give the same id. */
export function escapeSeparators(part: string): string {
  return part.replace(/[%:,/]/g, encodeURIComponent)
}

/** A value as JSON of at most `charactersMax` characters: safe from changes by the caller, and ready for another thread. */
function jsonOf(field: string, value: unknown, charactersMax: number): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new InvalidInputError(field, `must be JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (text === undefined) throw new InvalidInputError(field, `must be JSON, received a ${typeof value}`)
  if (text.length > charactersMax)
    throw new InvalidInputError(field, `must not be longer than ${charactersMax} characters as JSON`)
  return text
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`.slice(0, 60)
  // In JSON, NaN and infinities would be null.
  if (typeof value === 'number') return String(value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return (JSON.stringify(value) ?? String(value)).slice(0, 60)
}

/**
 * The clock that a host gave, checked at each reading: times that are no whole milliseconds cannot be stored, and an account that
 * has seen one of the far future keeps it.
 */
export function checkedClock(clock: Clock): Clock {
  return () => {
    const now: unknown = clock()
    if (isTime(now)) return now
    throw new InvalidOptionError(`clock must return whole milliseconds from 0 to ${TIME_MAX}, received ${show(now)}`)
  }
}

/** An option that is a count of at least one. */
export function checkCount(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidOptionError(`${name} must be a whole number above zero, received ${value}`)
}

/** True or false, and not just something truthy or falsy. */
export function checkFlag(field: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw new InvalidInputError(field, 'must be true or false')
  return value
}

/** The properties of a new workflow. */
export function checkNewWorkflow(path: '' | 'opensWorkflow.', input: NewWorkflow): NewWorkflow {
  return {
    name: checkText(`${path}name`, input.name),
    businessAdapter: checkOptionalText(`${path}businessAdapter`, input.businessAdapter),
    userId: checkOptionalText(`${path}userId`, input.userId),
    apiKeyId: checkOptionalText(`${path}apiKeyId`, input.apiKeyId),
    maxCredits: input.maxCredits === undefined ? undefined : checkAmountOrZero(`${path}maxCredits`, input.maxCredits),
  }
}

/** The workflow that a hold or charge opens, if any. */
export function checkOpening({
  workflowId,
  opensWorkflow,
}: {
  workflowId?: string
  opensWorkflow?: NewWorkflow
}): NewWorkflow | undefined {
  if (opensWorkflow === undefined) return undefined
  if (typeof opensWorkflow !== 'object' || opensWorkflow === null)
    throw new InvalidInputError('opensWorkflow', `must be an object, received ${show(opensWorkflow)}`)
  if (workflowId === undefined) throw new InvalidInputError('workflowId', 'must be given where opensWorkflow is')
  checkFieldNames(opensWorkflow, newWorkflowFields, 'opensWorkflow', 'opensWorkflow.')
  return checkNewWorkflow('opensWorkflow.', opensWorkflow)
}
