import { signal } from '@preact/signals'

/** Who is signed in. `sessionStorage` holds it, so it ends with the tab. No address ever contains it. */
export interface Session {
  /** An API key of an account, or the admin token. */
  secret: string
  kind: 'account' | 'admin'
  /** The account that an admin looks at; absent until one is chosen. */
  accountId?: string
}

const KEY = 'farebox.session'

/** The current session; `undefined` if nobody is signed in. */
export const session = signal<Session | undefined>(readSession())

/** Why the last session ended, if the user did not end it. */
export const signedOutBecause = signal<string | undefined>(undefined)

export function signIn(next: Session): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(next))
  } catch {
    // Without storage, the session lasts as long as the page.
  }
  signedOutBecause.value = undefined
  session.value = next
}

/** @param reason  the server's reason, if it ended the session */
export function signOut(reason?: string): void {
  try {
    sessionStorage.removeItem(KEY)
  } catch {
    // Without storage, there is nothing to remove.
  }
  signedOutBecause.value = reason
  session.value = undefined
}

/** Switches an admin to another account. */
export function chooseAccount(accountId: string): void {
  if (session.value?.kind === 'admin') signIn({ ...session.value, accountId })
}

function readSession(): Session | undefined {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
    if (typeof kept !== 'object' || kept === null) return undefined
    const { secret, kind, accountId } = kept as Partial<Session>
    if (typeof secret !== 'string' || (kind !== 'account' && kind !== 'admin')) return undefined
    return { secret, kind, accountId: typeof accountId === 'string' ? accountId : undefined }
  } catch {
    return undefined
  }
}
