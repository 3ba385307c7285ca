import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { useOverflow } from './use-overflow.ts'

/**
 * Holds a table that may be wider than the screen. Where it is, it can be reached and moved by keyboard, and has a name; where it is not,
 * it is no stop on the way.
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
