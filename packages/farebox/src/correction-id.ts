import { hash } from 'node:crypto'

/** How long an id of the ledger may be. */
const ID_LENGTH_MAX = 200

/** The id of a correction, which names what it corrects: the same again for the same, and another one for each other, however long they are. */
export function correctionIdOf(kind: string, ...about: readonly (string | bigint)[]): string {
  const id = [kind, ...about].join(':')
  return id.length <= ID_LENGTH_MAX ? id : `${kind}:sha256:${hash('sha256', id)}`
}
