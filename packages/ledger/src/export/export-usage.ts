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
 * Exports usage records as text, in pieces of a few hundred records, ordered by account and id. Only one piece is in memory at a
 * time, if the consumer writes each before it reads the next.
 *
 * @throws {InvalidOptionError} immediately, if an option is missing or invalid
 * @throws {NotFoundError} while reading, if there is no such account
 * @example
 * await pipeline(exportUsage(ledger, { format: 'csv', from, until }), createWriteStream('usage.csv'))
 */
export function exportUsage(ledger: ExportedLedger, options: ExportOptions): AsyncGenerator<string, void, undefined> {
  const range = checkExport(options)
  const { format, includeCosts, source = CLOUD_EVENT_SOURCE } = options
  const fields = (row: UsageRow) => usageFields(row, { includeCosts })
  const pages = counted(ledger.history.usage(range), options.onRecords)
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

/** The id of a grant made for a refund: the correction's id, and the number of its lot. */
const REFUND_ID = /^refund:(.+):(\d+)$/s
/** How far back to follow refunds of usage that was itself paid with refunds. */
const REFUNDS_MAX = 8

/** FOCUS lists charges, so attempts that cost nothing and used nothing are left out. */
function focusPage(ledger: ExportedLedger, focus: ResolvedFocusOptions) {
  const accountOf = accountCache(ledger)
  return async (rows: readonly UsageRow[]) => {
    const found = []
    for (const [accountId, all] of Map.groupBy(rows, (row) => row.accountId)) {
      const charges = all.filter(({ charged, quantity }) => charged !== 0n || quantity !== 0n)
      const account = await accountOf(accountId)
      const paidBy = new Set(charges.flatMap(({ lots }) => lots.map(({ grantId }) => grantId)).filter((id) => id !== ''))
      const sources = await sourcesOf(ledger, accountId, [...paidBy])
      const corrected = await correctedBy(ledger, accountId, charges)
      for (const row of charges) {
        const correctedAt = row.corrects === null ? undefined : corrected.get(row.corrects)
        found.push(focusUsageRow(row, { account, sources, correctedAt }, focus))
      }
    }
    return found
  }
}

/** Sources of the grants that paid. A refund its grant could not take back is a grant of its own, with the first one's source. */
async function sourcesOf(
  ledger: ExportedLedger,
  accountId: string,
  ids: readonly string[],
  depth = 0,
): Promise<Map<string, GrantSource>> {
  const sources = new Map((await ledger.history.grantsOf(accountId, ids)).map(({ grantId, source }) => [grantId, source]))
  const refunds = [...sources].flatMap(([grantId, source]) => {
    const [, correctionId, lot] = (source === 'refund' && REFUND_ID.exec(grantId)) || []
    return correctionId === undefined ? [] : [{ grantId, correctionId, lot: Number(lot) - 1 }]
  })
  if (refunds.length === 0 || depth === REFUNDS_MAX) return sources
  const corrections = await ledger.history.usageOf(accountId, [...new Set(refunds.map(({ correctionId }) => correctionId))])
  const lots = new Map(corrections.map((record) => [record.usageId, record.lots]))
  const origins = new Map(
    refunds.map(({ grantId, correctionId, lot }) => [grantId, lots.get(correctionId)?.[lot]?.grantId ?? '']),
  )
  const known = await sourcesOf(ledger, accountId, [...new Set(origins.values())], depth + 1)
  for (const [grantId, origin] of origins) sources.set(grantId, known.get(origin) ?? 'refund')
  return sources
}

async function correctedBy(ledger: ExportedLedger, accountId: string, rows: readonly UsageRow[]): Promise<Map<string, number>> {
  const ids = new Set(rows.flatMap(({ corrects }) => corrects ?? []))
  return new Map((await ledger.history.usageOf(accountId, [...ids])).map(({ usageId, createdAt }) => [usageId, createdAt]))
}
