import { compare, decimal } from '../rational.ts'
import { unitsIn } from '../units.ts'
import type { Rate } from './rules.ts'

/** Reports one problem: the field, and what would be right. */
export type Complain = (field: string, message: string) => void

/** Checks what the schema alone cannot. */
export function checkRate(rate: Rate, complain: Complain): void {
  if (rate.tiers && rate.amount !== undefined) complain('amount', 'there are tiers as well: keep one of the two')
  if (!rate.tiers && rate.amount === undefined) complain('amount', 'is missing: write "0" for what is free, or give tiers')
  if (rate.counting && rate.unit !== 'characters') complain('counting', `only characters are counted, the unit is ${rate.unit}`)
  if (rate.package && rate.tiers) complain('package', 'cannot go with tiers: keep one of the two')
  if (rate.package && rate.per !== '1') complain('per', 'amount is the price of one package: remove per, and set package.size')
  for (const rule of ['minimum_quantity', 'increment', 'included'] as const) {
    const unit = rate[rule]?.unit
    if (unit && !unitsIn(rate.unit, unit)) complain(`${rule}.unit`, `${unit} cannot be counted in ${rate.unit}`)
  }
  checkTiers(rate, complain)
}

function checkTiers({ tiers }: Rate, complain: Complain): void {
  if (!tiers) return
  if (tiers.mode === 'whole_request') {
    if (!tiers.measured) complain('tiers.measured', 'is missing: name the meters whose sum chooses the tier')
    if (tiers.basis === 'period') complain('tiers.basis', 'whole_request looks at one request: use volume for a period')
  } else if (tiers.measured) {
    complain('tiers.measured', `is for whole_request only: ${tiers.mode} measures the rate's own quantity`)
  }
  for (const [index, { above }] of tiers.steps.entries()) {
    const field = `tiers.steps.${index}.above`
    const before = tiers.steps[index - 1]?.above ?? '0'
    if (index === 0) {
      if (above !== undefined) complain(field, 'the first tier begins at 0: remove it')
    } else if (above === undefined) {
      complain(field, 'is missing: only the first tier has none')
    } else if (compare(decimal(above), decimal(before)) <= 0) {
      complain(field, `must be above ${before}, where the tier before begins, received ${above}`)
    }
  }
}
