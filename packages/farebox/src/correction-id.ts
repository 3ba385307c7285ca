import { hash } from 'node:crypto'

/** The maximum length of an id in the ledger. */
const ID_LENGTH_MAX = 200

/**
 * The id of a correction, derived from what it corrects. Equal input gives the same id, and ids that would be too long are
 * hashed.
 */
export function correctionIdOf(kind: string, ...about: readonly (string | bigint)[]): string {
  const id = [kind, ...about].join(':')
  return id.length <= ID_LENGTH_MAX ? id : `${kind}:sha256:${hash('sha256', id)}`
}
