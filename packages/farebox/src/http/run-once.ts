import { isFareboxError } from '@farebox/core'
import { ProvidersFailedError } from '../errors.ts'
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
  /** Whether it may be begun again when nobody knows how it ended. A telephone must not ring twice. @defaultValue true */
  isRepeatable?: boolean
}

/**
 * Runs `work` once for an idempotency key: a later request with the same fields gets the first answer, one with other fields a
 * conflict that names them. A run that failed in a way that may pass is begun again, since it charged nothing.
 */
export async function runOnce(box: Farebox, run: Run, work: () => Promise<Record<string, unknown>>): Promise<unknown> {
  const { accountId, idempotencyKey, fields, isRepeatable = true } = run
  if (idempotencyKey === undefined) return work()
  for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
    const documentId = `${idempotencyKey}#${attempt}`
    const begun = await box.ledger.saveDocument({ accountId, kind: 'run', documentId, body: fields })
    if (begun.replayed) {
      const end = await box.ledger.document(accountId, 'run_end', documentId)
      if (end?.body.answer) return new JsonAnswer(200, end.body.answer, { 'idempotency-replayed': 'true' })
      if (end?.body.failed === 'OUTCOME_UNKNOWN') throw outcomeUnknown()
      if (end) continue
      const start = await box.ledger.document(accountId, 'run', documentId)
      if (start && box.now() - start.createdAt > RUN_MS_MAX) {
        if (isRepeatable) continue
        throw outcomeUnknown()
      }
      throw new IdempotencyInProgressError('an earlier request under this idempotency key has not ended yet')
    }
    try {
      const answer = await work()
      await box.ledger.saveDocument({ accountId, kind: 'run_end', documentId, body: { answer } })
      return answer
    } catch (error) {
      const code = isRepeatable || isBeforeWork(error) ? codeOf(error) : 'OUTCOME_UNKNOWN'
      await box.ledger.saveDocument({ accountId, kind: 'run_end', documentId, body: { failed: code } }).catch(() => undefined)
      throw error
    }
  }
  throw new IdempotencyInProgressError('too many requests under this idempotency key have failed: use another one')
}

/** Errors that say that nothing had been done. */
const BEFORE_WORK: ReadonlySet<string> = new Set([
  'INSUFFICIENT_CREDITS',
  'BUDGET_EXCEEDED',
  'WORKFLOW_CEILING',
  'REQUEST_LIMIT',
  'SERVICE_NOT_ALLOWED',
  'NO_PROVIDER',
  'PROVIDERS_FAILED',
  'REQUEST_REJECTED',
  'CALLER_LEFT',
])

function isBeforeWork(error: unknown): boolean {
  return BEFORE_WORK.has(codeOf(error))
}

function codeOf(error: unknown): string {
  return isFareboxError(error) ? error.code : 'INTERNAL'
}

function outcomeUnknown(): ProvidersFailedError {
  return new ProvidersFailedError('OUTCOME_UNKNOWN', [], undefined)
}
