import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { session } from '../state/session.ts'

/** Whoever loads a page begins at its top; whoever has just signed in begins at the heading. */
let isFirst = session.peek() !== undefined

/** The heading of a view. It takes the focus when somebody arrives from another view, so that a screen reader begins there. */
export function PageHead({ title, lead, children }: { title: string; lead?: ComponentChildren; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    document.title = `${title} · Farebox`
  }, [title])
  // With what is drawn, so that it takes the focus from nothing that was reached since.
  useLayoutEffect(() => {
    // Whoever goes through the accounts with the arrow keys wants to go on.
    const isChoosing = document.activeElement?.matches('.account-choice select')
    if (!isFirst && !isChoosing) heading.current?.focus({ preventScroll: true })
    isFirst = false
  }, [])
  return (
    <header class="page-head">
      <div>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {lead && <p>{lead}</p>}
      </div>
      {children && <div class="page-tools">{children}</div>}
    </header>
  )
}
