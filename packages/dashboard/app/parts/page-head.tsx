import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { session } from '../state/session.ts'

/** A freshly loaded page keeps the focus at its top. After signing in, the focus goes to the heading. */
let isFirst = session.peek() !== undefined

/** The heading of a view. It takes the focus when the user arrives from another view, so that a screen reader starts there. */
export function PageHead({ title, lead, children }: { title: string; lead?: ComponentChildren; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    document.title = `${title} · Farebox`
  }, [title])
  // A layout effect, so that it cannot take the focus from anything that the user has reached since.
  useLayoutEffect(() => {
    // A user who steps through the accounts with the arrow keys, or writes the id of one, keeps the focus there.
    const isChoosing = document.activeElement?.matches('.account-choice :is(select, input)')
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
