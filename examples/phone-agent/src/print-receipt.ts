import type { Receipt } from 'farebox'

/** Prints what a call has cost, with a line for each service used. */
export function printReceipt({ services_used, total_credits_used }: Receipt): void {
  console.log('The receipt')
  for (const { service_type, provider, units_consumed, unit_type, credits_used } of services_used) {
    console.log(`  ${service_type} by ${provider}, ${units_consumed} ${unit_type}: ${credits_used}`)
  }
  console.log(`  ${total_credits_used} credits`)
}
