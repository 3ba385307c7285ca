import { microUnits, type UsageQuantity } from '@farebox/core'

/** Adds up quantities that share a meter and a unit. */
export function sumQuantities(quantities: readonly UsageQuantity[]): UsageQuantity[] {
  const sums = new Map<string, UsageQuantity>()
  for (const { meter, unit, quantity } of quantities) {
    const key = `${meter} ${unit}`
    sums.set(key, { meter, unit, quantity: microUnits(quantity + (sums.get(key)?.quantity ?? 0n)) })
  }
  return [...sums.values()]
}
