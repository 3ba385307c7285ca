import type { GrantRow } from '../rows.ts'
import { accountCache } from './account-cache.ts'
import { CLOUD_EVENT_SOURCE, cloudEvent } from './cloud-event.ts'
import { checkExport, type ExportedLedger, type ExportOptions } from './export-options.ts'
import { counted, csvPages, jsonPages } from './export-rows.ts'
import { focusColumns } from './focus-columns.ts'
import { resolveFocusOptions } from './focus-options.ts'
import { focusPurchaseRow } from './focus-rows.ts'
import { type PurchaseFields, purchaseFields } from './purchase-fields.ts'
import { toldGrants } from './told-grants.ts'

const COLUMNS = [
  'account_id',
  'grant_id',
  'created_at',
  'source',
  'credits',
  'credits_remaining',
  'credits_gone',
  'state',
  'effective_at',
  'expires_at',
  'services',
] as const satisfies readonly (keyof PurchaseFields)[]

/**
 * Exports grants as text, both bought and given, whatever has become of them. `focus`, which lists charges, also has a row for
 * each chargeback in the range. Otherwise it works like {@link exportUsage}.
 *
 * @throws {InvalidOptionError} immediately, if an option is missing or invalid
 */
export function exportPurchases(ledger: ExportedLedger, options: ExportOptions): AsyncGenerator<string, void, undefined> {
  const range = checkExport(options)
  const { format, source = CLOUD_EVENT_SOURCE } = options
  const pages = counted(ledger.history.grants(range), options.onRecords)
  switch (format) {
    case 'focus': {
      const focus = resolveFocusOptions(options.focus)
      const accountOf = accountCache(ledger)
      const told = counted(toldGrants(ledger, range), options.onRecords)
      return csvPages(focusColumns, told, async (rows) => {
        const found = []
        for (const row of rows) found.push(focusPurchaseRow(row, await accountOf(row.grant.accountId), focus))
        return found
      })
    }
    case 'cloudevents':
      return jsonPages(pages, (row: GrantRow) => {
        const data = purchaseFields(row)
        return cloudEvent({ ...data, type: 'purchase', id: row.grantId }, data, source)
      })
    case 'jsonl':
      return jsonPages(pages, purchaseFields)
    default:
      return csvPages(COLUMNS, pages, (rows) => rows.map(purchaseFields))
  }
}
