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
    meters: z.array(name).min(1).optional().describe('Only rates of these meters, and no connect fee or limit'),
    percent: amount.optional().describe('Adds so many percent'),
    fixed: z
      .strictObject({
        amount: amount.describe('US dollars'),
        unit: z.enum(units).optional().describe('Absent: for each call, as a connect fee'),
        per: positive.default('1'),
      })
      .optional()
      .describe('Adds so much to what `per` units cost'),
    discount: percentage.optional().describe('Takes so many percent away'),
    rounding: z
      .strictObject({ mode: z.enum(roundingModes).default('up'), step: positive.describe('Credits') })
      .optional()
      .describe("Rounds prices in credits for a rate's `per` units; the last such rule holds"),
  })
  .describe('Applies to what it names; to everything, where it names nothing')

/** The JSON form of a markup, which turns a cost book in US dollars into a price book in credits. */
export const markupSchema = z.strictObject({
  name: name.describe('The name of the book that it makes'),
  credit_value_usd: positive.describe('What a customer pays for one credit, in US dollars'),
  rules: z.array(ruleSchema).describe('Applied in this order, each to what the one before left'),
  rounding: roundingSchema.optional().describe('Of the book that it makes. Absent: up to a whole credit of the total'),
})

/** Rules that turn a cost book into a credit book, before they are checked. */
export type MarkupDocument = z.input<typeof markupSchema>
export type Markup = z.output<typeof markupSchema>
export type MarkupRule = Markup['rules'][number]
