import type { RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

/** Whether an element's content is wider than the element. Updates as either changes. */
export function useOverflow(element: RefObject<HTMLElement | null>): boolean {
  const [isWider, setWider] = useState(false)
  useLayoutEffect(() => {
    const measured = element.current
    if (!measured) return undefined
    const measure = () => setWider(measured.scrollWidth > measured.clientWidth)
    const observer = new ResizeObserver(measure)
    measure()
    for (const each of [measured, ...measured.children]) observer.observe(each)
    return () => observer.disconnect()
  }, [element])
  return isWider
}
