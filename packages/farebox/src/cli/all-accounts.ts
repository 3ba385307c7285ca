import type { Ledger } from '@farebox/ledger'

/** How many accounts are read at once. */
export const PAGE = 500

/** The ids of every account, read a page at a time. */
export async function* allAccounts(ledger: Ledger): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const page = await ledger.accounts({ after, limit: PAGE })
    yield* page.map(({ accountId }) => accountId)
    if (page.length < PAGE) return
    after = page.at(-1)?.accountId ?? ''
  }
}
