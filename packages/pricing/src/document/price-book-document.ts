import { z } from 'zod'
import { amount, day, instant, name, phonePrefix, positive } from './fields.ts'
import { maximumChargeSchema, multiplierSchema, rateSchema, roundingSchema, windowSchema } from './rules.ts'

const confidences = ['checked_against_bill', 'official', 'sources_agree', 'single_source', 'sources_disagree', 'weak'] as const

export const entrySchema = z.strictObject({
  service: name,
  provider: name,
  model: name.optional().describe('If absent, every model of the provider'),
  aliases: z
    .array(name)
    .min(1)
    .optional()
    .describe(
      'Other names of the model, or of the provider if no model is named. A name that ends in * stands for all names that begin like this. ' +
        'An exact match is preferred, then the longest match',
    ),
  to: z
    .array(phonePrefix)
    .min(1)
    .optional()
    .describe('Prefixes of the number called; the longest match wins. If absent, all other numbers'),
  from: z
    .array(phonePrefix)
    .min(1)
    .optional()
    .describe('Prefixes of the calling number, matched after `to`. If absent, all other numbers'),
  rates: z.array(rateSchema).min(1),
  connect_fee: amount.optional().describe('Charged once per call that used anything'),
  minimum_charge: positive.optional().describe('The minimum cost of a call that used anything'),
  maximum_charge: maximumChargeSchema.optional(),
  multipliers: z.array(multiplierSchema).min(1).optional(),
  windows: z.array(windowSchema).min(1).optional(),
  rounding: roundingSchema.optional().describe("If absent, the book's rounding"),
  vendor: name.optional().describe('The company that sends the bill, if it is not the provider'),
  retires: day.optional().describe('The day on which the provider retires it'),
  source: z.string().min(1).optional().describe('Where the price is published'),
  checked: day.optional().describe('When the price was last checked there'),
  confidence: z.enum(confidences).optional().describe('How certain the price is'),
  note: z.string().min(1).optional().describe('Anything else a reader should know'),
})

const versionSchema = z.strictObject({
  version: name,
  effective_from: instant,
  effective_until: instant
    .optional()
    .describe(
      'When the version ends, which must be when the next one begins. If absent, it ends then. The last version has no end',
    ),
  entries: z.array(entrySchema).min(1),
})

/** The JSON form of a price book. Amounts are decimal strings, never floats. */
export const priceBookSchema = z.strictObject({
  $schema: z.string().optional(),
  name,
  currency: z.enum(['credits', 'usd']),
  rounding: roundingSchema
    .optional()
    .describe('If absent, the total is rounded up to a whole credit, or in a book in dollars each call up to a nano-dollar'),
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
