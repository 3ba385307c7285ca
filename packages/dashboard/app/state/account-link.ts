import { computed, effect } from '@preact/signals'
import { addressOf, route, setQuery } from './route.ts'
import { chooseAccount, session } from './session.ts'

/**
 * The address of a view, for a link. An admin's names the account too, so that it leads another admin, another tab, or the way
 * back to the same.
 */
export function linkTo(view: string, query: Readonly<Record<string, string>> = {}, id?: string): string {
  const { kind, accountId } = session.value ?? {}
  const named = new URLSearchParams(query)
  if (kind === 'admin' && accountId !== undefined) named.set('account', accountId)
  const text = named.toString()
  return addressOf(view, id) + (text && `?${text}`)
}

/** Starts to switch an admin to the account that an address names, and to name the account in an address that names none. */
export function followAccounts(): void {
  const isAdmin = computed(() => session.value?.kind === 'admin')
  effect(() => {
    if (!isAdmin.value) return
    const named = route.value.query.get('account')
    // Only the address is followed: an account that was just chosen is not in it yet.
    const chosen = session.peek()?.accountId
    if (!named) setQuery({ account: chosen })
    else if (named !== chosen) chooseAccount(named)
  })
}
