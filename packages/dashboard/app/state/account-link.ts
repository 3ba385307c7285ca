import { effect } from '@preact/signals'
import { addressOf, route } from './route.ts'
import { chooseAccount, session } from './session.ts'

/** The address of a workflow. An admin's names the account too, so that it leads another admin, or another tab, to the same. */
export function workflowAddress(id: string): string {
  const { kind, accountId } = session.value ?? {}
  const query = kind === 'admin' && accountId !== undefined ? `?${new URLSearchParams({ account: accountId })}` : ''
  return addressOf('workflows', id) + query
}

/** Starts to switch an admin to the account that an address names. */
export function followAccounts(): void {
  effect(() => {
    const account = route.value.query.get('account')
    if (account && account !== session.value?.accountId) chooseAccount(account)
  })
}
