import { units } from '@farebox/core'
import { z } from 'zod'

/** An amount without sign, exponent or blanks: `0.15`. */
const amount = z.string().regex(/^\d{1,18}(\.\d{1,18})?$/, 'must be a plain decimal such as 0.15')
const positive = amount.refine((text) => /[1-9]/.test(text), 'must be above 0')
const instant = z.iso.datetime({ offset: true })
const name = z.string().min(1).max(200)

const rate = z.strictObject({
  unit: z.enum(units),
  meter: name
    .optional()
    .describe('What it prices: input, output, cached_input …; absent: every meter of the unit that no other rate names'),
  amount: amount.describe('Price of `per` units'),
  per: positive.default('1'),
})

const increment = z.strictObject({
  unit: z.enum(['seconds', 'minutes']),
  first: positive.describe('The least that is billed'),
  next: positive.describe('The step in which the rest is billed'),
})

const entry = z.strictObject({
  service: name,
  provider: name,
  model: name.optional().describe('Absent: every model of the provider'),
  rates: z.array(rate).min(1),
  increment: increment.optional(),
  source: z.string().optional().describe('Where the price was read'),
  checked: z.iso.date().optional().describe('When it was read'),
  confidence: z.string().optional().describe('How sure it is, in words'),
})

const version = z.strictObject({
  version: name,
  effective_from: instant,
  entries: z.array(entry).min(1),
})

/** The JSON form of a price book. Amounts are decimal strings; nothing in it is a float. */
export const priceBookSchema = z.strictObject({
  name,
  currency: z.enum(['credits', 'usd']),
  versions: z.array(version).min(1),
})

/** What a price book is made from. */
export type PriceBookDocument = z.input<typeof priceBookSchema>
export type PriceBookData = z.output<typeof priceBookSchema>
export type PriceEntry = PriceBookData['versions'][number]['entries'][number]
export type Rate = PriceEntry['rates'][number]
export type Increment = NonNullable<PriceEntry['increment']>
