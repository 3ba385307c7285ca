import type { Operations } from '../operations.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Keeps something of the host's in its account. */
export function saveDocument({ state, account, now }: Step, input: Operations['saveDocument']): Decision<'saveDocument'> {
  const { kind, documentId, body } = input
  if (state.document(account.accountId, kind, documentId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: kind, id: documentId })
  }
  state.insert('documents', { accountId: account.accountId, kind, documentId, body, createdAt: now })
  return { done: { status: 'saved', documentId, replayed: false }, postings: [] }
}
