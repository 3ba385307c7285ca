import { type CharacterCounting, units } from '@farebox/core'
import { z } from 'zod'
import { amount, day, name, positive, timeOfDay } from './fields.ts'

const unit = z.enum(units)
const ownUnit = unit.optional().describe("If absent, the rate's unit. Seconds and minutes may be used for each other")

/** What a rule counts: this call alone, or everything in the current period, for which the caller supplies the earlier usage. */
const basis = z.enum(['request', 'period'])

const incrementSchema = z
  .strictObject({
    unit: ownUnit,
    first: positive.describe('The minimum that is billed'),
    next: positive.describe('The increment in which the rest is billed'),
  })
  .describe('60/60 bills every started minute; 30/6 bills at least thirty seconds, and then every started six seconds')

const minimumQuantitySchema = z
  .strictObject({ unit: ownUnit, quantity: positive })
  .describe('The minimum quantity that is billed to a call that used anything')

const includedSchema = z
  .strictObject({ unit: ownUnit, quantity: positive, basis: basis.default('request') })
  .describe('The quantity that is free of charge')

const packageSchema = z
  .strictObject({ size: positive, basis: basis.default('request') })
  .describe('Sold in whole packages: `amount` is the price of one, and a package that is started is billed in full')

const tier = z.strictObject({
  above: amount
    .optional()
    .describe(
      "Where the tier begins, in the rate's unit or in the unit of `measured`. Absent only in the first tier, which begins at 0",
    ),
  amount: amount.describe("The price of the rate's `per` units in this tier"),
})

const tiersSchema = z
  .strictObject({
    mode: z
      .enum(['graduated', 'volume', 'whole_request'])
      .describe(
        'graduated: each unit at the price of its own tier. volume: every unit at the price of the tier that the quantity reaches. ' +
          'whole_request: every unit at the price of the tier that the `measured` meters of the request reach together',
      ),
    basis: basis.default('request'),
    comparison: z
      .enum(['gt', 'gte'])
      .describe('Whether a quantity reaches a tier only above the start of the tier (gt), or already exactly at it (gte)'),
    measured: z
      .array(name)
      .min(1)
      .optional()
      .describe('For whole_request: the meters whose sum selects the tier, such as input, cached_input and cache_write'),
    steps: z.array(tier).min(2, 'must have at least two tiers; one tier is a plain `amount`'),
  })
  .describe('Prices that depend on the quantity used')

/** How to count characters: `é` is one or two code points. `😀` is one code point, two UTF-16 units and four bytes. */
const characterCountings = ['code_points', 'utf16_units', 'utf8_bytes'] as const satisfies CharacterCounting[]

export const rateSchema = z
  .strictObject({
    unit,
    meter: name
      .optional()
      .describe(
        'The meter that it prices: input, cached_input, output, … If absent, every meter of this unit that no other rate names',
      ),
    amount: amount.optional().describe('The price of `per` units. Absent if there are `tiers`'),
    per: positive.default('1'),
    counting: z.enum(characterCountings).optional().describe('For characters: how they are counted. If absent, as code points'),
    minimum_quantity: minimumQuantitySchema.optional(),
    increment: incrementSchema.optional(),
    included: includedSchema.optional(),
    package: packageSchema.optional(),
    tiers: tiersSchema.optional(),
  })
  .describe('The price of one meter. Its rules apply in this order: minimum_quantity, increment, included, package, tiers')

export const maximumChargeSchema = z
  .strictObject({
    amount: positive,
    action: z
      .enum(['cap', 'refuse'])
      .describe(
        'cap: a more expensive call costs this much. refuse: a call that is planned to cost more is not made; if it was made, it costs this much',
      ),
  })
  .describe('The maximum cost of one call')

export const multiplierSchema = z
  .strictObject({
    attribute: name.describe('An attribute of the call that the caller states: region, service_tier, batch, …'),
    factors: z.record(name, amount).describe('The factor for each value. A call with a value that is not listed has no price'),
    meters: z
      .array(name)
      .min(1)
      .optional()
      .describe('If absent, every rate, but not the connect fee, minimum charge or maximum charge'),
  })
  .describe(
    'A call that does not state the attribute is priced without the multiplier. Several multipliers are multiplied together',
  )

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export const windowSchema = z
  .strictObject({
    name,
    zone: z.string().min(1).default('UTC').describe('UTC or an IANA zone such as Europe/Berlin'),
    days: z.array(z.enum(days)).min(1).optional().describe('The days on which it begins. If absent, every day'),
    from: timeOfDay.optional().describe('The local time at which it begins. If absent, midnight'),
    until: timeOfDay
      .optional()
      .describe('The local time at which it ends: on the next day if that is not after `from`. If absent, midnight'),
    first_day: day.optional().describe('The first day on which it begins'),
    last_day: day.optional().describe('The last day on which it begins'),
    factor: amount.optional().describe('Multiplies every rate'),
    rates: z.array(rateSchema).min(1).optional().describe('Replace all rates'),
  })
  .describe('Other prices at certain times. The first window that contains the moment of the call applies to the whole call')

export const roundingModes = ['up', 'down', 'half_up', 'half_even'] as const
const roundingPoints = ['line', 'resource', 'total'] as const

export const roundingSchema = z.strictObject({
  mode: z.enum(roundingModes).default('up').describe('half_up and half_even round to the nearest step'),
  step: positive.describe("What amounts are rounded to, in the book's currency: 1 for whole credits, 0.01 for cents"),
  point: z
    .enum(roundingPoints)
    .describe(
      'line: each meter of a call. resource: each call, before calls are summed. ' +
        'total: the sum of what one provider did for one service in a workflow, which is a line of its receipt',
    ),
})

/** The price of one meter, or of every meter of a unit. */
export type Rate = z.output<typeof rateSchema>
/** The billing increments of a rate. */
export type Increment = z.output<typeof incrementSchema>
/** Units that are free, per request or per period. */
export type Included = z.output<typeof includedSchema>
/** Units that are sold in whole packages. */
export type Package = z.output<typeof packageSchema>
/** Prices that depend on the quantity used. */
export type Tiers = z.output<typeof tiersSchema>
/** The most that a call may cost, and what happens to dearer calls. */
export type MaximumCharge = z.output<typeof maximumChargeSchema>
/** Price factors by an attribute of the call, such as its region or service tier. */
export type Multiplier = z.output<typeof multiplierSchema>
/** Prices for certain days and times of day. */
export type PriceWindow = z.output<typeof windowSchema>
/** Which way, to what step, and at what point amounts are rounded. */
export type Rounding = z.output<typeof roundingSchema>
/** Which way an amount is rounded. */
export type RoundingMode = (typeof roundingModes)[number]
