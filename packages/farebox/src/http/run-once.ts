import { isFareboxError } from '@farebox/core'
import { ProvidersFailedError } from '../errors.ts'
import type { Farebox } from '../farebox.ts'
import { AnswerNotKeptError, IdempotencyInProgressError } from './http-errors.ts'
import { type Problem, problemHeaders, problemOf } from './problem.ts'
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
 * conflict that names them. A run that failed and charged nothing is begun again; one that charged is not, and answers as it did.
 */
export async function runOnce(box: Farebox, run: Run, work: () => Promise<Record<string, unknown>>): Promise<unknown> {
  const { accountId, idempotencyKey, fields, isRepeatable = true } = run
  if (idempotencyKey === undefined) {
    return work().catch((error: unknown) => {
      throw error instanceof ChargedRunError ? error.cause : error
    })
  }
  for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
    const documentId = `${idempotencyKey}#${attempt}`
    const begun = await box.ledger.saveDocument({ accountId, kind: 'run', documentId, body: fields })
    if (begun.replayed) {
      const end = await box.ledger.document(accountId, 'run_end', documentId)
      if (end?.body.answer) return new JsonAnswer(200, end.body.answer, { 'idempotency-replayed': 'true' })
      if (end?.body.failed === 'OUTCOME_UNKNOWN') throw outcomeUnknown()
      if (end?.body.problem) return problemAgain(end.body.problem as Problem)
      if (end) continue
      const start = await box.ledger.document(accountId, 'run', documentId)
      if (start && box.now() - start.createdAt > RUN_MS_MAX) {
        if (isRepeatable) continue
        throw outcomeUnknown()
      }
      throw new IdempotencyInProgressError('an earlier request under this idempotency key has not ended yet')
    }
    const end = (body: Record<string, unknown>) => box.ledger.saveDocument({ accountId, kind: 'run_end', documentId, body })
    let answer: Record<string, unknown>
    try {
      answer = await work()
    } catch (thrown) {
      const error = thrown instanceof ChargedRunError ? thrown.cause : thrown
      const failed = isRepeatable || isBeforeWork(error) ? codeOf(error) : 'OUTCOME_UNKNOWN'
      // If even this cannot be written, the key answers "in progress" until the run is taken for dead.
      await end(thrown instanceof ChargedRunError ? { problem: problemOf(error) } : { failed }).catch(() => undefined)
      throw error
    }
    // The work is done and paid for: whoever asked gets the answer, also when it is too long to be kept for a second time.
    await end({ answer })
      .catch(() =>
        end({ problem: problemOf(new AnswerNotKeptError('the first request succeeded, but its answer was not kept')) }),
      )
      .catch(() => undefined)
    return answer
  }
  throw new IdempotencyInProgressError('too many requests under this idempotency key have failed: use another one')
}

/** A run failed although it had charged something: it must not be begun again. `cause` is what its caller is told. */
export class ChargedRunError extends Error {
  constructor(cause: unknown) {
    super('a run failed after it had charged', { cause })
  }
}

function problemAgain(problem: Problem): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...problemHeaders(problem), 'idempotency-replayed': 'true' },
  })
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
  'PROVIDERS_BUSY',
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
