import type { AccountPage } from '@farebox/client'
import { useEffect, useRef } from 'preact/hooks'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { credits } from '../format.ts'
import { chooseAccount, session } from '../state/session.ts'

type Account = AccountPage['accounts'][number]

/** The accounts per page, and the most pages to read: a longer list would be no use to choose from. */
const PAGE = 1_000
const PAGES_MAX = 5

/** Lets an admin choose an account. Until then, it chooses the first one. */
export function AccountChoice() {
  const accounts = useAnswer('accounts', readAccounts)
  const chosen = session.value?.accountId
  // Every choice reloads the list. Keep the old one meanwhile, because a list that is briefly empty would lose the focus.
  const known = useRef<readonly Account[]>([])
  if (accounts.data) known.current = accounts.data
  const list = known.current
  const first = list[0]?.account_id
  useEffect(() => {
    // Peek at the session again: the user may have chosen since this render.
    if (session.peek()?.accountId === undefined && first !== undefined) chooseAccount(first)
  }, [chosen, first])
  return (
    <label class="account-choice">
      <span>Account</span>
      <select
        class="field"
        value={chosen ?? ''}
        disabled={list.length === 0}
        onChange={(event) => chooseAccount(event.currentTarget.value)}
      >
        {list.length === 0 && (
          <option value="">{accounts.error ? accounts.error.message : accounts.isAsking ? 'Loading…' : 'No accounts yet'}</option>
        )}
        {chosen !== undefined && list.length > 0 && !list.some(({ account_id }) => account_id === chosen) && (
          <option value={chosen}>{chosen}</option>
        )}
        {list.map(({ account_id, name, available }) => (
          <option key={account_id} value={account_id}>
            {name || account_id} · {credits(available)}
          </option>
        ))}
      </select>
    </label>
  )
}

async function readAccounts(signal: AbortSignal): Promise<Account[]> {
  const found: Account[] = []
  let cursor: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await getJson<AccountPage>('/admin/accounts', { limit: PAGE, cursor }, signal)
    found.push(...answer.accounts)
    if (!answer.next_cursor) break
    cursor = answer.next_cursor
  }
  return found.sort((one, other) => one.name.localeCompare(other.name) || (one.account_id < other.account_id ? -1 : 1))
}
