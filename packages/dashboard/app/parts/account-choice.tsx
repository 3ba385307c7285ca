import type { AccountPage } from '@farebox/client'
import { useEffect, useRef } from 'preact/hooks'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { credits, isBlank } from '../format.ts'
import { linkTo } from '../state/account-link.ts'
import { go, route, setQuery } from '../state/route.ts'
import { chooseAccount, session } from '../state/session.ts'

type Account = AccountPage['accounts'][number]

interface Listing {
  accounts: readonly Account[]
  /** Whether there are accounts that are not listed. */
  hasMore: boolean
}

/** The accounts per page, and the most pages to read: a longer list would be no use to choose from. */
const PAGE = 1_000
const PAGES_MAX = 5
const AGAIN_MS = 5_000
/** 24 days. @source HTML standard, timers: a signed integer of 32 bits */
const AGAIN_MS_MAX = 2 ** 31 - 1
const EVERY_MS = 60_000

/** Lets an admin choose an account. Until then, it chooses the first one. */
export function AccountChoice() {
  const answered = useAnswer('accounts', readAccounts, { everyMs: EVERY_MS })
  const { data, error, askAgain } = answered
  const chosen = session.value?.accountId
  // Every choice reloads the list. Keep the old one meanwhile, because a list that is briefly empty would lose the focus.
  const known = useRef<Listing>({ accounts: [], hasMore: false })
  if (data) known.current = data
  const { accounts, hasMore } = known.current
  const first = accounts[0]?.account_id
  useEffect(() => {
    // Peek at the session again: the user may have chosen since this render.
    if (session.peek()?.accountId === undefined && first !== undefined) setQuery({ account: first })
  }, [chosen, first])
  // Without a list there is nothing to choose, and the field has no button to try again.
  useEffect(() => {
    if (first !== undefined || (data === undefined && error === undefined)) return undefined
    const asking = setTimeout(askAgain, Math.min(Math.max(AGAIN_MS, error?.retryAfterMs ?? 0), AGAIN_MS_MAX))
    return () => clearTimeout(asking)
  }, [first, data, error, askAgain])
  return (
    <>
      <label class="account-choice">
        <span>Account</span>
        <select
          class="field"
          value={chosen ?? ''}
          disabled={accounts.length === 0}
          onChange={(event) => switchTo(event.currentTarget.value)}
        >
          {accounts.length === 0 && (
            <option value="">{error ? error.message : data === undefined ? 'Loading…' : 'No accounts yet'}</option>
          )}
          {chosen !== undefined && accounts.length > 0 && !accounts.some(({ account_id }) => account_id === chosen) && (
            <option value={chosen}>{chosen}</option>
          )}
          {accounts.map(({ account_id, name, available }) => (
            <option key={account_id} value={account_id}>
              {isolated(isBlank(name) ? account_id : name)} · {credits(available)}
            </option>
          ))}
        </select>
      </label>
      {hasMore && (
        <form onSubmit={chooseById}>
          <label class="account-choice">
            <span>{credits(accounts.length)} accounts are listed. For another, enter its id:</span>
            <input class="field" name="account_id" autocomplete="off" spellcheck={false} />
          </label>
        </form>
      )}
    </>
  )
}

/** Keeps the direction in which a name is written from the amount after it. An option has only text, so characters do it. */
function isolated(name: string): string {
  return `\u2068${name}\u2069`
}

function chooseById(event: SubmitEvent): void {
  event.preventDefault()
  if (!(event.currentTarget instanceof HTMLFormElement)) return
  const id = String(new FormData(event.currentTarget).get('account_id') ?? '').trim()
  if (id !== '') switchTo(id)
}

/** A workflow, a key and a user belong to one account, so the next one is shown without them. */
function switchTo(accountId: string): void {
  if (accountId === session.peek()?.accountId) return
  const { view, query } = route.peek()
  const { key, user, ...kept } = view === 'workflows' ? {} : Object.fromEntries(query)
  chooseAccount(accountId)
  go(linkTo(view === 'workflows' ? 'activity' : view, kept))
}

async function readAccounts(signal: AbortSignal): Promise<Listing> {
  const accounts: Account[] = []
  let cursor: string | undefined
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await getJson<AccountPage>('/admin/accounts', { limit: PAGE, cursor }, signal)
    accounts.push(...answer.accounts)
    cursor = answer.next_cursor ?? undefined
    if (cursor === undefined) break
  }
  accounts.sort((one, other) => one.name.localeCompare(other.name) || (one.account_id < other.account_id ? -1 : 1))
  return { accounts, hasMore: cursor !== undefined }
}
