import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { useOverflow } from './use-overflow.ts'

/**
 * Scrolls a table that may be wider than the screen. Only while it is wider, it has a name and takes the keyboard focus, so that a
 * table that fits is no tab stop.
 *
 * @param label  what the table lists
 */
export function TableScroll({ label, children }: { label: string; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null)
  const reached = useOverflow(box) ? ({ tabIndex: 0, role: 'group', 'aria-label': `${label}, scrolls sideways` } as const) : {}
  return (
    <div ref={box} class="table-scroll" {...reached}>
      {children}
    </div>
  )
}
