import type { OwnKeys } from '@farebox/client'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { isBlank } from '../format.ts'

/** Keys are created and renamed also while somebody looks. */
const EVERY_MS = 30_000

const NONE: ReadonlyMap<string, string> = new Map()

/** The names of the account's keys, by prefix. Empty until they are known. */
export function useKeyNames(): ReadonlyMap<string, string> {
  const answered = useAnswer('key names', async (signal) => keyNamesOf((await getJson<OwnKeys>('/keys', {}, signal)).keys), {
    everyMs: EVERY_MS,
  })
  return answered.data ?? NONE
}

/** The names of keys, by prefix: `Reception desk`, or with its prefix if another key has the same name. */
export function keyNamesOf(keys: OwnKeys['keys']): ReadonlyMap<string, string> {
  const counts = new Map<string, number>()
  for (const { name } of keys) counts.set(name, (counts.get(name) ?? 0) + 1)
  return new Map(
    keys.map(({ prefix, name }) => [prefix, isBlank(name) ? prefix : counts.get(name) === 1 ? name : `${name} (${prefix})`]),
  )
}
