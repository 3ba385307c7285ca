import type { AccountFacts } from '../history.ts'
import type { ExportedLedger } from './export-options.ts'

/** Looks up accounts for an export. Rows come grouped by account, so caching the last one is enough. */
export function accountCache({ history }: ExportedLedger): (accountId: string) => Promise<AccountFacts> {
  let last: AccountFacts | undefined
  return async (accountId) => {
    if (last?.accountId !== accountId) last = await history.account(accountId)
    return last
  }
}
