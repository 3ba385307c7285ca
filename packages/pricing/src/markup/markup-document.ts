import { units } from '@farebox/core'
import { z } from 'zod'
import { amount, name, positive } from '../document/fields.ts'
import { roundingModes, roundingSchema } from '../document/rules.ts'

const percentage = z.string().regex(/^(100(\.0{1,18})?|\d{1,2}(\.\d{1,18})?)$/, 'must be from "0" to "100"')

const ruleSchema = z
  .strictObject({
    services: z.array(name).min(1).optional(),
    providers: z.array(name).min(1).optional(),
    models: z.array(name).min(1).optional(),
    meters: z.array(name).min(1).optional().describe('Only the rates of these meters, and neither connect fees nor limits'),
    percent: amount.optional().describe('Adds this percentage'),
    fixed: z
      .strictObject({
        amount: amount.describe('US dollars'),
        unit: z.enum(units).optional().describe('If absent, per call, as a connect fee'),
        per: positive.default('1'),
      })
      .optional()
      .describe('Adds this amount to the price of `per` units'),
    discount: percentage.optional().describe('Subtracts this percentage'),
    rounding: z
      .strictObject({ mode: z.enum(roundingModes).default('up'), step: positive.describe('Credits') })
      .optional()
      .describe("Rounds the prices, in credits for a rate's `per` units. The last such rule applies"),
  })
  .describe('Applies to whatever it names, or to everything if it names nothing')

/** The JSON form of a markup, which turns a cost book in US dollars into a price book in credits. */
export const markupSchema = z.strictObject({
  name: name.describe('The name of the resulting price book'),
  credit_value_usd: positive.describe('What a customer pays for one credit, in US dollars'),
  rules: z.array(ruleSchema).describe('Applied in this order, each to the result of the one before'),
  rounding: roundingSchema
    .optional()
    .describe('The rounding of the resulting book. If absent, the total is rounded up to a whole credit'),
})

/** Rules that turn a cost book into a credit book, before they are checked. */
export type MarkupDocument = z.input<typeof markupSchema>
export type Markup = z.output<typeof markupSchema>
export type MarkupRule = Markup['rules'][number]
