import type { Unit } from '@farebox/core'
import { type Rational, rational } from './rational.ts'

const ONE = rational(1n)
const SIXTY = rational(60n)
const SIXTIETH = rational(1n, 60n)

/** How many `to` units one `from` unit is. `undefined` if they measure different things. */
export function unitsIn(to: Unit, from: Unit): Rational | undefined {
  if (to === from) return ONE
  if (to === 'minutes' && from === 'seconds') return SIXTIETH
  if (to === 'seconds' && from === 'minutes') return SIXTY
  return undefined
}
