import type { Failure, Operations, Outcomes } from '../operations.ts'
import type { LedgerState } from './state.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Stores a document of the host in an account. */
export function saveDocument({ state, account, now }: Step, input: Operations['saveDocument']): Decision<'saveDocument'> {
  const { kind, documentId, savedBy } = input
  const body = savedBy === undefined ? input.body : { ...input.body, savedBy }
  if (state.document(account.accountId, kind, documentId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: kind, id: documentId })
  }
  state.insert('documents', { accountId: account.accountId, kind, documentId, body, createdAt: now })
  return { done: { status: 'saved', documentId, replayed: false }, postings: [] }
}

/** Stores a document in place of an earlier version. A document without a version cannot be replaced. */
export function replaceDocument(
  state: LedgerState,
  accountId: string,
  { kind, documentId, body, version }: Operations['replaceDocument'],
  now: number,
): Outcomes['replaceDocument'] | Failure {
  const row = { accountId, kind, documentId, body: { ...body, version }, createdAt: now }
  const known = state.document(accountId, kind, documentId)
  if (!known) state.insert('documents', row)
  else {
    if (!hasVersion(known.body)) return { status: 'failed', code: 'ALREADY_EXISTS', what: kind, id: documentId }
    if (version <= known.body.version) return { status: 'saved', documentId, replayed: true }
    state.touch('documents', Object.assign(known, row))
  }
  return { status: 'saved', documentId, replayed: false }
}

/** Whether a document has a version, and so may be replaced by a later one. */
export function hasVersion(body: unknown): body is { version: number } {
  return typeof body === 'object' && body !== null && 'version' in body && typeof body.version === 'number'
}
