import { isFareboxError } from '@farebox/core'
import type { Farebox } from '../farebox.ts'
import { IdempotencyInProgressError } from './http-errors.ts'
import { JsonAnswer } from './route.ts'

/** A run that has not ended after this long died with its process, and may be begun again. */
const RUN_MS_MAX = 10 * 60_000
const TRIES_MAX = 100

interface Run {
  accountId: string
  idempotencyKey: string | undefined
  /** What was asked for, field by field. */
  fields: Record<string, unknown>
}

/**
 * Runs `work` once for an idempotency key: a later request with the same fields gets the first answer, one with other fields a
 * conflict that names them. A run that failed in a way that may pass is begun again, since it charged nothing.
 */
export async function runOnce(box: Farebox, run: Run, work: () => Promise<Record<string, unknown>>): Promise<unknown> {
  const { accountId, idempotencyKey, fields } = run
  if (idempotencyKey === undefined) return work()
  for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
    const documentId = `${idempotencyKey}#${attempt}`
    const begun = await box.ledger.saveDocument({ accountId, kind: 'run', documentId, body: fields })
    if (begun.replayed) {
      const end = await box.ledger.document(accountId, 'run_end', documentId)
      if (end?.body.answer) return new JsonAnswer(200, end.body.answer, { 'idempotency-replayed': 'true' })
      const start = await box.ledger.document(accountId, 'run', documentId)
      if (end || (start && box.now() - start.createdAt > RUN_MS_MAX)) continue
      throw new IdempotencyInProgressError('an earlier request under this idempotency key has not ended yet')
    }
    try {
      const answer = await work()
      await box.ledger.saveDocument({ accountId, kind: 'run_end', documentId, body: { answer } })
      return answer
    } catch (error) {
      const code = isFareboxError(error) ? error.code : 'INTERNAL'
      await box.ledger.saveDocument({ accountId, kind: 'run_end', documentId, body: { failed: code } }).catch(() => undefined)
      throw error
    }
  }
  throw new IdempotencyInProgressError('too many requests under this idempotency key have failed: use another one')
}
