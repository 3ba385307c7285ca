import { z } from 'zod'
import { amount, day, instant, name, phonePrefix, positive } from './fields.ts'
import { maximumChargeSchema, multiplierSchema, rateSchema, roundingSchema, windowSchema } from './rules.ts'

const confidences = ['checked_against_bill', 'official', 'sources_agree', 'single_source', 'sources_disagree', 'weak'] as const

export const entrySchema = z.strictObject({
  service: name,
  provider: name,
  model: name.optional().describe('Absent: every model of the provider'),
  aliases: z
    .array(name)
    .min(1)
    .optional()
    .describe(
      'Other names of the model, or of the provider where no model is named. A name that ends in * stands for all that begin so; ' +
        'an exact name is preferred, then the longest beginning',
    ),
  to: z.array(phonePrefix).min(1).optional().describe('Numbers called: the longest beginning wins. Absent: all others'),
  from: z.array(phonePrefix).min(1).optional().describe('Numbers called from, after `to`. Absent: all others'),
  rates: z.array(rateSchema).min(1),
  connect_fee: amount.optional().describe('Charged once for each call that used anything'),
  minimum_charge: positive.optional().describe('What a call that used anything costs at least'),
  maximum_charge: maximumChargeSchema.optional(),
  multipliers: z.array(multiplierSchema).min(1).optional(),
  windows: z.array(windowSchema).min(1).optional(),
  rounding: roundingSchema.optional().describe("Absent: the book's"),
  vendor: name.optional().describe('Who sends the bill, where that is not the provider'),
  retires: day.optional().describe('The day on which the provider takes it out of service'),
  source: z.string().min(1).optional().describe('Where the price was read'),
  checked: day.optional().describe('When it was read'),
  confidence: z.enum(confidences).optional().describe('How sure it is'),
  note: z.string().min(1).optional().describe('What else a reader should know'),
})

const versionSchema = z.strictObject({
  version: name,
  effective_from: instant,
  effective_until: instant
    .optional()
    .describe('When it ends, which must be when the next begins. Absent: then. The last version has no end'),
  entries: z.array(entrySchema).min(1),
})

/** The JSON form of a price book. Amounts are decimal strings, never floats. */
export const priceBookSchema = z.strictObject({
  $schema: z.string().optional(),
  name,
  currency: z.enum(['credits', 'usd']),
  rounding: roundingSchema.optional().describe('Absent: up to a whole credit of the total, or up to a nano-dollar of each call'),
  versions: z.array(versionSchema).min(1),
})

/** A price book as JSON, before it is checked: defaults may be absent. */
export type PriceBookDocument = z.input<typeof priceBookSchema>
/** A checked document, with defaults filled in. */
export type PriceBookData = z.output<typeof priceBookSchema>
export type PriceVersion = PriceBookData['versions'][number]
/** The prices of one service of one provider, for one model or for all of them. */
export type PriceEntry = z.output<typeof entrySchema>
/** How reliable a price is. */
export type Confidence = (typeof confidences)[number]
/** The currency of a book's amounts. */
export type Currency = PriceBookData['currency']

/** Returns the JSON Schema (draft 2020-12) of {@link PriceBookDocument}, for editors and for validation in other languages. */
export function priceBookJsonSchema(): Record<string, unknown> {
  return { title: 'Farebox price book', ...z.toJSONSchema(priceBookSchema, { io: 'input' }) }
}
