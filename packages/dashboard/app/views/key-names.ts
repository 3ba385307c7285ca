import type { OwnKeys } from '@farebox/client'

/** The names of keys, by prefix: `Reception desk`, or with its prefix if another key has the same name. */
export function keyNamesOf(keys: OwnKeys['keys']): ReadonlyMap<string, string> {
  const counts = new Map<string, number>()
  for (const { name } of keys) counts.set(name, (counts.get(name) ?? 0) + 1)
  return new Map(
    keys.map(({ prefix, name }) => [prefix, name === '' ? prefix : counts.get(name) === 1 ? name : `${name} (${prefix})`]),
  )
}
