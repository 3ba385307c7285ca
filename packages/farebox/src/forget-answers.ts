import { checkOptionNames, InvalidOptionError } from '@farebox/core'
import type { Ledger } from '@farebox/ledger'
import { AnswerNotKeptError } from './http/http-errors.ts'
import { problemOf } from './http/problem.ts'

/** Which answers to forget. */
export interface ForgetAnswersOptions {
  /** Forgets answers that are older than this, in milliseconds: at least an hour. */
  olderThanMs: number
  /** Called with the number of answers that were just forgotten, to show progress. */
  onForgotten?: (count: number) => void
}

const known: Record<keyof ForgetAnswersOptions, true> = { olderThanMs: true, onForgotten: true }
/** Callers that retry get their answer until then. */
const OLDER_THAN_MS_MIN = 3_600_000
const AT_ONCE = 500

/** Replaces old answers to requests with an idempotency key. Returns how many there were. */
export async function forgetAnswers(
  ledger: Pick<Ledger, 'documentsBeginningWith' | 'overwriteDocuments'>,
  options: ForgetAnswersOptions,
  now: number,
): Promise<number> {
  checkOptionNames(options, known, 'forgetAnswers()')
  const { olderThanMs, onForgotten } = options
  if (!(Number.isSafeInteger(olderThanMs) && olderThanMs >= OLDER_THAN_MS_MIN))
    throw new InvalidOptionError(`olderThanMs must be whole milliseconds from ${OLDER_THAN_MS_MIN}, received ${olderThanMs}`)
  const problem = problemOf(
    new AnswerNotKeptError('the answer to the first request under this idempotency key was deleted since'),
  )
  let forgotten = 0
  let [accountId, documentIds]: [string, string[]] = ['', []]
  const forget = async () => {
    if (documentIds.length === 0) return
    await ledger.overwriteDocuments({ accountId, kind: 'run_end', documentIds, body: { problem } })
    forgotten += documentIds.length
    onForgotten?.(documentIds.length)
    documentIds = []
  }
  // Those forgotten already are told apart in the database: in the end, there are many times as many.
  const kept = ledger.documentsBeginningWith({ kind: 'run_end', field: 'answer', until: now - olderThanMs })
  for await (const end of kept) {
    if (end.accountId !== accountId || documentIds.length === AT_ONCE) await forget()
    accountId = end.accountId
    documentIds.push(end.documentId)
  }
  await forget()
  return forgotten
}
