import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/** Moves the focus to the part of the page around an element when the element has it and goes, so that the reader stays there. */
export function useFocusKept(element: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const kept = element.current
    // Hooks end before their elements leave the page.
    return () => {
      if (!kept?.contains(document.activeElement)) return
      const around = kept.closest<HTMLElement>('section, main')
      if (!around) return
      around.tabIndex = -1
      around.focus({ preventScroll: true })
    }
  }, [element])
}
