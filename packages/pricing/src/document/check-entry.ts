import { compare, decimal } from '../rational.ts'
import { unitsIn } from '../units.ts'
import { type Complain, checkRate } from './check-rate.ts'
import type { PriceEntry } from './price-book-document.ts'
import type { PriceWindow, Rate } from './rules.ts'

/** Checks what the schema alone cannot. `rate` in a complaint is the index of the rate concerned. */
export function checkEntry(entry: PriceEntry, complain: (field: string, message: string, rate?: number) => void): void {
  for (const [index, rate] of entry.rates.entries()) checkRate(rate, (field, message) => complain(field, message, index))
  checkRatesTogether(entry.rates, (index, message) => complain('meter', message, index))
  const { minimum_charge: least, maximum_charge: most } = entry
  if (least && most && compare(decimal(least), decimal(most.amount)) > 0) {
    complain('maximum_charge.amount', `must not be below minimum_charge, which is ${least}, received ${most.amount}`)
  }
  checkFactors(entry, complain)
  for (const alias of entry.aliases ?? []) {
    if (alias === '*' || alias.slice(0, -1).includes('*')) {
      complain('aliases', `a * stands at the end of the beginning of a name, received ${JSON.stringify(alias)}`)
    }
  }
  for (const [index, window] of (entry.windows ?? []).entries()) {
    checkWindow(window, (field, message) => complain(`windows.${index}.${field}`, message))
  }
}

function checkFactors({ rates, windows = [], multipliers = [] }: PriceEntry, complain: Complain): void {
  const every = [...rates, ...windows.flatMap((window) => window.rates ?? [])]
  for (const [index, { meters = [] }] of multipliers.entries()) {
    const unknown = meters.find((meter) => !every.some((rate) => rate.meter === meter))
    if (unknown) complain(`multipliers.${index}.meters`, `no rate is for meter ${unknown}: add one, or remove it`)
  }
  const isRepriced = every.some(({ tiers }) => tiers?.mode === 'volume' && tiers.basis === 'period')
  if (isRepriced && windows.length + multipliers.length > 0) {
    const field = windows.length > 0 ? 'windows' : 'multipliers'
    complain(
      field,
      'cannot go with volume tiers by period, which price earlier calls again without knowing their factors: use graduated',
    )
  }
}

/** Each quantity must have at most one price. */
function checkRatesTogether(rates: readonly Rate[], complain: (index: number, message: string) => void): void {
  for (const [index, { meter, unit }] of rates.entries()) {
    const twin = rates.slice(0, index).findIndex((other) => other.meter === meter && unitsIn(other.unit, unit) !== undefined)
    if (twin >= 0) complain(index, `${meter ? `${meter} in ${unit}` : unit} is priced by rate ${twin} already`)
  }
}

function checkWindow(window: PriceWindow, complain: Complain): void {
  const { factor, rates, from, until, first_day: first, last_day: last, zone } = window
  if ((factor === undefined) === (rates === undefined)) complain('factor', 'give a factor or rates, and not both')
  if (from !== undefined && from === until) complain('until', `must differ from \`from\`, which is ${from} too`)
  if (first && last && last < first) complain('last_day', `must not be before first_day, which is ${first}, received ${last}`)
  if (!isZone(zone)) complain('zone', `must be UTC or an IANA zone such as Europe/Berlin, received ${JSON.stringify(zone)}`)
  for (const [index, rate] of (rates ?? []).entries()) {
    checkRate(rate, (field, message) => complain(`rates.${index}.${field}`, message))
  }
  checkRatesTogether(rates ?? [], (index, message) => complain(`rates.${index}.meter`, message))
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
