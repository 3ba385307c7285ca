import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { linkTo } from '../state/account-link.ts'
import { leaveView, route } from '../state/route.ts'
import { session, signOut } from '../state/session.ts'
import { AccountChoice } from './account-choice.tsx'
import { Brand } from './brand.tsx'
import { Icon, type IconName } from './icon.tsx'
import { ThemeChoice } from './theme-choice.tsx'

const items: readonly (readonly [view: string, label: string, icon: IconName])[] = [
  ['', 'Overview', 'overview'],
  ['activity', 'Activity', 'activity'],
  ['keys', 'Keys & limits', 'keys'],
  ['prices', 'Prices', 'prices'],
  ['providers', 'Providers', 'providers'],
  ['statement', 'Statement', 'statement'],
]

/** The navigation, the account and the sign-out button. On a narrow screen, a button opens it. */
export function Sidebar() {
  const [isOpen, setOpen] = useState(false)
  const { view } = route.value
  const menu = useRef<HTMLButtonElement>(null)
  // A layout effect, so that Escape works as soon as the menu is visible.
  useLayoutEffect(() => {
    if (!isOpen) return undefined
    const closeByKey = ({ key }: KeyboardEvent) => {
      if (key === 'Escape') close()
    }
    addEventListener('keydown', closeByKey)
    return () => removeEventListener('keydown', closeByKey)
  }, [isOpen])
  const close = () => {
    setOpen(false)
    // The link that has the focus goes with the menu. Where there is no menu, its button cannot take the focus.
    menu.current?.focus()
  }
  // Else it would cover what has the focus.
  const closeWhenLeft = ({ currentTarget, relatedTarget }: FocusEvent) => {
    if (currentTarget instanceof Node && relatedTarget instanceof Node && !currentTarget.contains(relatedTarget)) setOpen(false)
  }
  const current = view === 'workflows' ? 'activity' : view
  return (
    <header class="sidebar" onFocusOut={closeWhenLeft}>
      <div class="sidebar-top">
        <a href={linkTo('')} aria-label="Farebox, overview">
          <Brand />
        </a>
        <button
          ref={menu}
          type="button"
          class="button quiet menu-button"
          aria-expanded={isOpen}
          aria-controls="navigation"
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="menu" /> Menu
        </button>
      </div>
      <div class="sidebar-body" id="navigation" data-open={isOpen ? '' : undefined}>
        {session.value?.kind === 'admin' && <AccountChoice />}
        <nav class="nav" aria-label="Pages">
          {items.map(([each, label, icon]) => (
            <a key={each} href={linkTo(each)} aria-current={each === current ? 'page' : undefined} onClick={close}>
              <Icon name={icon} />
              {label}
            </a>
          ))}
        </nav>
        <div class="sidebar-end">
          <p class="identity">{session.value?.kind === 'admin' ? 'Signed in as admin' : 'Signed in with an API key'}</p>
          <ThemeChoice />
          <button type="button" class="side-button" onClick={leave}>
            <Icon name="out" />
            Sign out
          </button>
        </div>
      </div>
    </header>
  )
}

function leave(): void {
  signOut()
  leaveView()
}
