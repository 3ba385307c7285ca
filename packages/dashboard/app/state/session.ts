import { signal } from '@preact/signals'

/** Who is signed in. It lives in `sessionStorage`: it ends with the tab, and no address ever holds it. */
export interface Session {
  /** An API key of an account, or the admin token. */
  secret: string
  kind: 'account' | 'admin'
  /** Which account an admin looks at; absent until one is chosen. */
  accountId?: string
}

const KEY = 'farebox.session'

/** `undefined`: nobody is signed in. */
export const session = signal<Session | undefined>(readSession())

/** Why the last session ended, where it was not by choice. */
export const signedOutBecause = signal<string | undefined>(undefined)

export function signIn(next: Session): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(next))
  } catch {
    // A browser that keeps nothing: it lasts as long as the page then.
  }
  signedOutBecause.value = undefined
  session.value = next
}

/** @param reason  what the server said, where it ended the session */
export function signOut(reason?: string): void {
  try {
    sessionStorage.removeItem(KEY)
  } catch {
    // It was never kept.
  }
  signedOutBecause.value = reason
  session.value = undefined
}

/** Another account, for an admin. */
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
