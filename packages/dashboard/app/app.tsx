import type { ComponentType } from 'preact'
import { Nothing, Readable } from './parts/answer-view.tsx'
import { PageHead } from './parts/page-head.tsx'
import { Sidebar } from './parts/sidebar.tsx'
import { route } from './state/route.ts'
import { session } from './state/session.ts'
import { Activity } from './views/activity.tsx'
import { Keys } from './views/keys.tsx'
import { Overview } from './views/overview.tsx'
import { Prices } from './views/prices.tsx'
import { Providers } from './views/providers.tsx'
import { SignIn } from './views/sign-in.tsx'
import { Statement } from './views/statement.tsx'
import { WorkflowPage } from './views/workflow-page.tsx'

const views: Readonly<Record<string, ComponentType>> = {
  '': Overview,
  activity: Activity,
  workflows: WorkflowPage,
  keys: Keys,
  prices: Prices,
  providers: Providers,
  statement: Statement,
}

/** Views of the server as a whole, which need no chosen account. */
const WITHOUT_ACCOUNT = ['prices', 'providers']

/** The whole dashboard. */
export function App() {
  if (!session.value) return <SignIn />
  const { view, id } = route.value
  const { kind, accountId } = session.value
  const View = Object.hasOwn(views, view) ? views[view] : undefined
  const needsAccount = kind === 'admin' && accountId === undefined && !WITHOUT_ACCOUNT.includes(view)
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('#main')?.focus()}>
        Skip to content
      </button>
      <Sidebar />
      <main class="main" id="main" tabIndex={-1}>
        <div class="main-inner" key={`${view} ${id} ${accountId}`}>
          <Readable isCard>{needsAccount ? <NoAccount /> : View ? <View /> : <NoView />}</Readable>
        </div>
      </main>
    </div>
  )
}

function NoAccount() {
  return (
    <>
      <PageHead title="Accounts" />
      <div class="card">
        <Nothing
          title="No account is chosen"
          hint="Choose an account in the navigation. If there is none yet, POST /api/v1/admin/accounts opens the first."
        />
      </div>
    </>
  )
}

function NoView() {
  return (
    <>
      <PageHead title="Not found" />
      <div class="card">
        <Nothing title="There is no such page" hint="The address may be mistyped. Every page is in the navigation." />
      </div>
    </>
  )
}
