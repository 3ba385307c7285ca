import { type CharacterCounting, units } from '@farebox/core'
import { z } from 'zod'
import { amount, day, name, positive, timeOfDay } from './fields.ts'

const unit = z.enum(units)
const ownUnit = unit.optional().describe("Absent: the rate's unit. Seconds and minutes may stand for one another")

/** What a rule counts: this call alone, or everything in the current period, for which the caller supplies the earlier usage. */
const basis = z.enum(['request', 'period'])

const incrementSchema = z
  .strictObject({
    unit: ownUnit,
    first: positive.describe('The least that is billed'),
    next: positive.describe('The step in which the rest is billed'),
  })
  .describe('60/60 bills started minutes; 30/6 bills thirty seconds at least, and then started six seconds')

const minimumQuantitySchema = z
  .strictObject({ unit: ownUnit, quantity: positive })
  .describe('What a call that used anything is billed at least')

const includedSchema = z
  .strictObject({ unit: ownUnit, quantity: positive, basis: basis.default('request') })
  .describe('What is free, before anything is billed')

const packageSchema = z
  .strictObject({ size: positive, basis: basis.default('request') })
  .describe('Sold whole: `amount` is the price of one package, and a started one is a whole one')

const tier = z.strictObject({
  above: amount
    .optional()
    .describe(
      "Where the tier begins, in the rate's unit or in what is `measured`; absent in the first tier only, which begins at 0",
    ),
  amount: amount.describe("Price of the rate's `per` units in this tier"),
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
      .describe('Whether a quantity reaches a tier when it is above (gt), or already when it is at (gte), where the tier begins'),
    measured: z
      .array(name)
      .min(1)
      .optional()
      .describe('For whole_request: the meters whose sum chooses the tier, such as input, cached_input and cache_write'),
    steps: z.array(tier).min(2, 'must have at least two tiers; one tier is a plain `amount`'),
  })
  .describe('Prices that depend on how much is used')

/** How to count characters: `é` is one or two code points. `😀` is one code point, two UTF-16 units and four bytes. */
const characterCountings = ['code_points', 'utf16_units', 'utf8_bytes'] as const satisfies CharacterCounting[]

export const rateSchema = z
  .strictObject({
    unit,
    meter: name
      .optional()
      .describe('What it prices: input, cached_input, output …; absent: every meter of the unit that no other rate names'),
    amount: amount.optional().describe('Price of `per` units; absent where there are `tiers`'),
    per: positive.default('1'),
    counting: z.enum(characterCountings).optional().describe('For characters: how they are counted. Absent: code points'),
    minimum_quantity: minimumQuantitySchema.optional(),
    increment: incrementSchema.optional(),
    included: includedSchema.optional(),
    package: packageSchema.optional(),
    tiers: tiersSchema.optional(),
  })
  .describe('The price of one meter. Rules apply in this order: minimum_quantity, increment, included, package, tiers')

export const maximumChargeSchema = z
  .strictObject({
    amount: positive,
    action: z
      .enum(['cap', 'refuse'])
      .describe(
        'cap: a dearer call costs this much. refuse: a call that is planned dearer is not made; one that was made costs this much',
      ),
  })
  .describe('The most that one call costs')

export const multiplierSchema = z
  .strictObject({
    attribute: name.describe('A fact about the call that the caller states: region, service_tier, batch …'),
    factors: z.record(name, amount).describe('The factor for each value; a value that is not listed has no price'),
    meters: z
      .array(name)
      .min(1)
      .optional()
      .describe('Absent: every rate, but not the connect fee, nor the least and most charge'),
  })
  .describe('A call that does not state the attribute is priced without it. Several multipliers multiply')

export const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export const windowSchema = z
  .strictObject({
    name,
    zone: z.string().min(1).default('UTC').describe('UTC or an IANA zone such as Europe/Berlin'),
    days: z.array(z.enum(days)).min(1).optional().describe('Days on which it begins; absent: every day'),
    from: timeOfDay.optional().describe('Local time at which it begins; absent: midnight'),
    until: timeOfDay
      .optional()
      .describe('Local time at which it ends, on the next day if that is not after `from`; absent: midnight'),
    first_day: day.optional().describe('The first day on which it begins'),
    last_day: day.optional().describe('The last day on which it begins'),
    factor: amount.optional().describe('Multiplies every rate'),
    rates: z.array(rateSchema).min(1).optional().describe('Replaces all rates'),
  })
  .describe('Other prices at certain times. The first window that holds the moment of the call applies to the whole call')

export const roundingModes = ['up', 'down', 'half_up', 'half_even'] as const
const roundingPoints = ['line', 'resource', 'total'] as const

export const roundingSchema = z.strictObject({
  mode: z.enum(roundingModes).default('up').describe('half_up and half_even round to the nearest step'),
  step: positive.describe("What amounts are rounded to, in the book's currency: 1 is whole credits, 0.01 cents"),
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
