import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runInMemory, type VerifiedTable } from '../../packages/ledger/src/verify/scan.ts'
import { verification } from '../../packages/ledger/src/verify/verification.ts'
import { MemoryStorage } from '../simulator/memory-storage.ts'
import { commitInMemory } from './commit-in-memory.ts'
import { expectSameHistory, histories } from './history.ts'

const damaged = [
  'budgets',
  'usage_records',
  'holds',
  'workflows',
  'grants',
  'journal',
  'usage_rollups',
  'workflow_rollups',
] as const

/** A change of one row by somebody else: a counter that is off by some, a text that is another row's, or a row that is gone. */
const damages = fc.array(
  fc.record({
    table: fc.constantFrom(...damaged),
    row: fc.nat(),
    column: fc.nat(),
    by: fc.integer({ min: 1, max: 4 }),
    goes: fc.boolean(),
  }),
  { maxLength: 3 },
)

test('a verification in many parts finds what it finds in one, in whatever was damaged', async () => {
  let found = 0
  await fc.assert(
    fc.asyncProperty(histories, damages, async (seeds, changes) => {
      const storage = new MemoryStorage()
      const reference = await expectSameHistory('world', seeds, commitInMemory(storage))
      for (const accountId of reference.accounts.keys()) {
        const rows = new Map<VerifiedTable, Record<string, unknown>[]>()
        const rowsOf = (table: VerifiedTable) => {
          const known = rows.get(table) ?? (structuredClone(storage.of(table, accountId)) as unknown as Record<string, unknown>[])
          rows.set(table, known)
          return known
        }
        for (const { table, row, column, by, goes } of changes) {
          const all = rowsOf(table)
          const one = all[row % all.length]
          if (!one) continue
          if (goes) all.splice(all.indexOf(one), 1)
          else damage(one, column, by)
        }
        const inParts = [Number.POSITIVE_INFINITY, 3, 1].map((entriesOfPart) => {
          const { mismatches } = runInMemory(verification(accountId, entriesOfPart), rowsOf)
          return mismatches.map(({ kind, at, expected, found: is }) => [kind, at, expected, is].join(' ')).sort()
        })
        found += inParts[0]?.length ?? 0
        expect(inParts[1]).toEqual(inParts[0])
        expect(inParts[2]).toEqual(inParts[0])
      }
    }),
    { numRuns: 60 },
  )
  expect(found).toBeGreaterThan(20)
})

/** Changes an amount or a time. What names other rows stays: a record of another hold would be in another part than the hold. */
function damage(row: Record<string, unknown>, column: number, by: number): void {
  const numbers = Object.keys(row).filter((name) => typeof row[name] === 'bigint' || typeof row[name] === 'number')
  const name = numbers[column % numbers.length] ?? ''
  const value = row[name]
  row[name] = typeof value === 'bigint' ? value + BigInt(by) : (value as number) + by
}
