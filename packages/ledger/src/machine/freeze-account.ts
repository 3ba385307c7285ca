import type { Operations } from '../operations.ts'
import type { Decision, Step } from './step.ts'

/** Refuses new work on an account, or allows it again. Work in progress may still settle. */
export function freezeAccount({ account }: Step, { isFrozen }: Operations['freezeAccount']): Decision<'freezeAccount'> {
  account.isFrozen = isFrozen
  return { done: { status: 'set', isFrozen, replayed: false }, postings: [] }
}
