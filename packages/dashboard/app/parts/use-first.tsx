import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Older } from './older.tsx'

/** How many entries are drawn at first, and how many more at each step. Ten thousand keep a browser busy for many seconds. */
const STEP = 200

/**
 * The first entries of a list that may be too long to be drawn at once, and a button for more of them, if there are.
 *
 * @param noun  what the list has: `keys`
 */
export function useFirst<Entry>(entries: readonly Entry[], noun: string): { first: readonly Entry[]; more: ComponentChildren } {
  const [count, setCount] = useState(STEP)
  const read = async () => {
    setCount((before) => before + STEP)
    return undefined
  }
  return { first: entries.slice(0, count), more: entries.length > count && <Older label={`More ${noun}`} read={read} /> }
}
