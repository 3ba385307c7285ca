import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { useFocusKept } from './use-focus-kept.ts'

interface Props {
  href: string
  class?: string
  title?: string
  children: ComponentChildren
}

/** A link of a list that refreshes. If it goes with its line, the focus that it has stays by the list. */
export function KeptLink({ children, ...attributes }: Props) {
  const link = useRef<HTMLAnchorElement>(null)
  useFocusKept(link)
  return (
    <a ref={link} {...attributes}>
      {children}
    </a>
  )
}
