import { microCredits } from '@farebox/core'
import type { Outcomes, Verb } from '../operations.ts'

/** The fields of an outcome that are amounts. A refusal is not stored, so its fields do not count. */
type AmountsOf<Outcome> = Outcome extends { replayed: boolean }
  ? { [Field in keyof Outcome]-?: NonNullable<Outcome[Field]> extends bigint ? Field : never }[keyof Outcome]
  : never

const amounts: Record<AmountsOf<Outcomes[Verb]>, true> = {
  amount: true,
  repaid: true,
  refunded: true,
  recovered: true,
  held: true,
  owed: true,
  reserved: true,
  available: true,
  affordable: true,
  affordableUnits: true,
  charged: true,
  shortfall: true,
  balance: true,
  spent: true,
}

/** The fields of outcomes that are amounts, which JSON holds as strings. */
const AMOUNTS: ReadonlySet<string> = new Set(Object.keys(amounts))

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
