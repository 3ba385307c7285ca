import type { GrantSource, UsageRow } from '../rows.ts'
import { accountCache } from './account-cache.ts'
import { CLOUD_EVENT_SOURCE, cloudEvent } from './cloud-event.ts'
import { checkExport, type ExportedLedger, type ExportOptions } from './export-options.ts'
import { counted, csvPages, jsonPages } from './export-rows.ts'
import { focusColumns } from './focus-columns.ts'
import { type ResolvedFocusOptions, resolveFocusOptions } from './focus-options.ts'
import { focusUsageRow } from './focus-rows.ts'
import { type UsageFields, usageFields } from './usage-fields.ts'

const COLUMNS = [
  'account_id',
  'usage_id',
  'created_at',
  'workflow_id',
  'hold_id',
  'service',
  'provider',
  'model',
  'quantity',
  'unit',
  'credits_rated',
  'credits_charged',
  'credits_shortfall',
  'certainty',
  'price_version',
  'api_key_id',
  'user_id',
  'corrects',
] as const satisfies readonly (keyof UsageFields)[]

/**
 * Usage records as text, in pieces of a few hundred records, by account and id. Read on when the last piece has gone to where it goes: no more than
 * one is in memory.
 *
 * @throws {InvalidOptionError} at once, where an option is missing or wrong
 * @throws {NotFoundError} while reading: no such account
 * @example
 * await pipeline(exportUsage(ledger, { format: 'csv', from, until }), createWriteStream('usage.csv'))
 */
export function exportUsage(ledger: ExportedLedger, options: ExportOptions): AsyncGenerator<string, void, undefined> {
  checkExport(options)
  const { format, includeCosts, source = CLOUD_EVENT_SOURCE } = options
  const fields = (row: UsageRow) => usageFields(row, { includeCosts })
  const pages = counted(ledger.history.usage(options), options.onRecords)
  switch (format) {
    case 'focus':
      return csvPages(focusColumns, pages, focusPage(ledger, resolveFocusOptions(options.focus)))
    case 'cloudevents':
      return jsonPages(pages, (row) => {
        const data = fields(row)
        return cloudEvent({ ...data, type: 'usage', id: row.usageId }, data, source)
      })
    case 'jsonl':
      return jsonPages(pages, fields)
    default:
      return csvPages(includeCosts ? [...COLUMNS, 'cost_usd'] : COLUMNS, pages, (rows) => rows.map(fields))
  }
}

/** Attempts that cost nothing and used nothing are no charges, and FOCUS tells of charges. */
function focusPage(ledger: ExportedLedger, focus: ResolvedFocusOptions) {
  const accountOf = accountCache(ledger)
  return async (rows: readonly UsageRow[]) => {
    const found = []
    for (const [accountId, all] of Map.groupBy(rows, (row) => row.accountId)) {
      const charges = all.filter(({ charged, quantity }) => charged !== 0n || quantity !== 0n)
      const account = await accountOf(accountId)
      const sources = await sourcesOf(ledger, accountId, charges)
      const corrected = await correctedBy(ledger, accountId, charges)
      for (const row of charges) {
        const correctedAt = row.corrects === null ? undefined : corrected.get(row.corrects)
        found.push(focusUsageRow(row, { account, sources, correctedAt }, focus))
      }
    }
    return found
  }
}

async function sourcesOf(
  ledger: ExportedLedger,
  accountId: string,
  rows: readonly UsageRow[],
): Promise<Map<string, GrantSource>> {
  const ids = new Set(rows.flatMap(({ lots }) => lots.map(({ grantId }) => grantId)).filter((id) => id !== ''))
  return new Map((await ledger.history.grantsOf(accountId, [...ids])).map(({ grantId, source }) => [grantId, source]))
}

async function correctedBy(ledger: ExportedLedger, accountId: string, rows: readonly UsageRow[]): Promise<Map<string, number>> {
  const ids = new Set(rows.flatMap(({ corrects }) => corrects ?? []))
  return new Map((await ledger.history.usageOf(accountId, [...ids])).map(({ usageId, createdAt }) => [usageId, createdAt]))
}
