import { microCredits } from '@farebox/core'

/** The fields of outcomes that are amounts, which JSON holds as strings. */
const AMOUNTS: ReadonlySet<string> = new Set([
  'amount',
  'repaid',
  'refunded',
  'recovered',
  'held',
  'owed',
  'reserved',
  'available',
  'affordable',
  'affordableUnits',
  'charged',
  'shortfall',
  'balance',
  'spent',
])

/** An outcome as the journal stores it. */
export function encodeOutcome(outcome: object): Record<string, unknown> {
  const json: Record<string, unknown> = {}
  const fields = outcome as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (name !== 'replayed') json[name] = typeof value === 'bigint' ? value.toString() : value
  }
  return json
}

/** The stored outcome of an earlier change, marked as replayed. */
export function decodeOutcome(json: unknown): { status: string; replayed: boolean } {
  const outcome: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(json as Record<string, unknown>)) {
    outcome[name] = AMOUNTS.has(name) ? microCredits(BigInt(value as string)) : value
  }
  return { ...(outcome as { status: string }), replayed: true }
}
