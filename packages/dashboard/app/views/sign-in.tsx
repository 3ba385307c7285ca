import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { AskError, getJsonAs } from '../api/get-json.ts'
import { Brand } from '../parts/brand.tsx'
import { type Session, signedOutBecause, signIn } from '../state/session.ts'

/** Asks for a key or the admin token, and finds out which it is. */
export function SignIn() {
  const [isAsking, setAsking] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<string>()
  // A layout effect, so that the old title disappears together with the view of the user who has left.
  useLayoutEffect(() => {
    document.title = 'Sign in · Farebox'
    field.current?.focus()
  }, [])

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement) || isAsking) return
    const secret = secretOf(String(new FormData(event.currentTarget).get('key') ?? ''))
    if (secret === '') return setProblem('Paste a key first.')
    setAsking(true)
    setProblem(undefined)
    try {
      signIn(await whose(secret))
    } catch (error) {
      setProblem(error instanceof AskError && error.status !== 401 ? `${error.message}.` : REFUSED)
      setAsking(false)
    }
  }

  const told = problem ?? (signedOutBecause.value && `You were signed out: ${signedOutBecause.value}.`)
  return (
    <main class="sign-in">
      <div class="sign-in-box">
        <Brand />
        <div class="card">
          <form onSubmit={submit} noValidate>
            <h1>Sign in</h1>
            {told && (
              <p class="banner" role="alert" id="problem">
                {told}
              </p>
            )}
            <label>
              API key or admin token
              <input
                ref={field}
                class="field mono"
                type="password"
                name="key"
                autocomplete="off"
                spellcheck={false}
                placeholder="fbx_…"
                aria-invalid={problem !== undefined}
                aria-describedby={told ? 'problem key-note' : 'key-note'}
              />
            </label>
            <button type="submit" class="button primary" aria-disabled={isAsking}>
              {isAsking ? 'Signing in…' : 'Sign in'}
            </button>
            <p class="faint small" id="key-note">
              A key shows its own account; the admin token shows them all. It is kept in this tab until you sign out or close it.
            </p>
          </form>
        </div>
      </div>
    </main>
  )
}

const REFUSED = 'This key was not accepted. It may be mistyped, expired or revoked: ask whoever runs the server for another.'

/** The key itself, also if it was copied with the header that it was in: `Authorization: Bearer fbx_…`. */
function secretOf(pasted: string): string {
  return pasted
    .trim()
    .replace(/^(authorization\s*:\s*)?bearer(\s+|$)/i, '')
    .trim()
}

/** @throws {AskError} the secret is neither a key nor the admin token, or there was no answer */
async function whose(secret: string): Promise<Session> {
  const kinds: Session[] = [
    { secret, kind: 'account' },
    { secret, kind: 'admin' },
  ]
  // The prefix marks keys that the ledger created. Any other secret may be either, and at most one more request finds out.
  if (!secret.startsWith('fbx_')) kinds.reverse()
  for (const [place, asking] of kinds.entries()) {
    try {
      if (asking.kind === 'admin') await getJsonAs(asking, '/admin/accounts', { limit: 1 })
      else await getJsonAs(asking, '/credits')
      return asking
    } catch (error) {
      if (place === kinds.length - 1 || !(error instanceof AskError) || error.status !== 401) throw error
    }
  }
  throw new AskError(401, 'UNAUTHORIZED', REFUSED)
}
