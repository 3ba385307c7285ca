import type { HistoryRange } from '../history.ts'
import type { GrantRow } from '../rows.ts'
import type { ExportedLedger } from './export-options.ts'

/** A grant to export, either because it was made or because its payment was reversed. */
export interface ToldGrant {
  grant: GrantRow
  /** When its payment was reversed. Absent for the row of the grant itself. */
  chargedBackAt?: number
}

/** Pages of the grants made in a time range, then of those charged back in it. */
export async function* toldGrants(
  { history }: ExportedLedger,
  range: HistoryRange,
): AsyncGenerator<ToldGrant[], void, undefined> {
  for await (const page of history.grants(range)) yield page.map((grant) => ({ grant }))
  for await (const page of history.chargebacks(range)) {
    const told: ToldGrant[] = []
    for (const [accountId, chargebacks] of Map.groupBy(page, (chargeback) => chargeback.accountId)) {
      const ids = chargebacks.map(({ grantId }) => grantId)
      const grants = new Map((await history.grantsOf(accountId, ids)).map((grant) => [grant.grantId, grant]))
      for (const { grantId, at } of chargebacks) {
        const grant = grants.get(grantId)
        if (grant) told.push({ grant, chargedBackAt: at })
      }
    }
    yield told
  }
}
