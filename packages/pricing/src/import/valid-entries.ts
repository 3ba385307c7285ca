import { checkEntry } from '../document/check-entry.ts'
import { entrySchema } from '../document/price-book-document.ts'
import type { EntryDocument, ImportedPrices, NotTaken } from './imported-prices.ts'

/**
 * Leaves out the entries that a price book would refuse, and reports what is wrong with them. One of them would make the whole
 * book invalid.
 */
export function validEntries({ entries, notTaken }: ImportedPrices, rowOf: (entry: EntryDocument) => string): ImportedPrices {
  const refused = new Map<string, NotTaken>()
  const valid = entries.filter((entry) => {
    const problem = problemOf(entry)
    // A row that is several services is reported once.
    if (problem) refused.set(rowOf(entry), { row: rowOf(entry), ...problem })
    return problem === undefined
  })
  return { entries: valid, notTaken: [...notTaken, ...refused.values()] }
}

function problemOf(entry: EntryDocument): Omit<NotTaken, 'row'> | undefined {
  const { data, error } = entrySchema.safeParse(entry)
  const problems = (error?.issues ?? []).map(({ path, message }) => ({ field: path.join('.'), reason: message }))
  if (data) {
    checkEntry(data, (field, reason, rate) =>
      problems.push({ field: rate === undefined ? field : `rates.${rate}.${field}`, reason }),
    )
  }
  return problems[0]
}
