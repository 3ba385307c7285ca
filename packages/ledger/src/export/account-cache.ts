import type { AccountFacts } from '../history.ts'
import type { ExportedLedger } from './export-options.ts'

/** Facts of accounts as an export comes by them: rows of one account follow each other, so the last is enough. */
export function accountCache({ history }: ExportedLedger): (accountId: string) => Promise<AccountFacts> {
  let last: AccountFacts | undefined
  return async (accountId) => {
    if (last?.accountId !== accountId) last = await history.account(accountId)
    return last
  }
}
