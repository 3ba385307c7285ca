import type { LoadKind } from '../tables.ts'
import { getOrInsert } from './get-or-insert.ts'

/**
 * A set of load request keys. It is nested by account rather than keyed by one joined string: building and hashing such a string
 * for each look-up costs more than all the arithmetic of a charge.
 */
export class KeySet {
  readonly #kinds = new Map<LoadKind, Map<string, Set<string>>>()

  has(kind: LoadKind, key: readonly string[]): boolean {
    return (
      this.#kinds
        .get(kind)
        ?.get(key[0] ?? '')
        ?.has(restOf(key)) ?? false
    )
  }

  /** @returns whether it is new */
  add(kind: LoadKind, key: readonly string[]): boolean {
    const byAccount = getOrInsert(this.#kinds, kind, () => new Map<string, Set<string>>())
    const rest = restOf(key)
    const known = getOrInsert(byAccount, key[0] ?? '', () => new Set<string>())
    if (known.has(rest)) return false
    known.add(rest)
    return true
  }
}

/** A key without its first part, as text. Most keys have two parts. */
export function restOf(key: readonly string[]): string {
  if (key.length === 2) return key[1] ?? ''
  return key.length === 1 ? '' : key.slice(1).join('\0')
}
