import { hash } from 'node:crypto'
import { isFareboxError, microCredits, quantity } from '@farebox/core'
import {
  IdempotencyConflictError,
  LedgerUnavailableError,
  newUuid,
  UsageSpooledError,
  type WorkflowSummary,
} from '@farebox/ledger'
import { v5 as uuidv5 } from 'uuid'
import { holdOf, wasCharged } from '../charged-failures.ts'
import { ProvidersFailedError } from '../errors.ts'
import type { Farebox } from '../farebox.ts'
import { AnswerNotKeptError, IdempotencyInProgressError } from './http-errors.ts'
import { type Problem, problemOf } from './problem.ts'
import { JsonAnswer, type NamedWorkflow, ProblemAnswer, REPLAYED } from './route.ts'
import { answerLeft } from './stream-response.ts'
import { UnansweredRuns } from './unanswered-runs.ts'
import { whenBack } from './when-back.ts'

/** A run that has not ended after this long and shows no sign of life died with its process, and may start again. */
const RUN_MS_MAX = 10 * 60_000
const TRIES_MAX = 100
/** How a run ended that was taken for dead. Another one has begun in its place. */
const REPLACED = { failed: 'RUN_REPLACED' }
/** How a run ended that failed while the database could not say whether it had charged. */
const UNSURE = { failed: 'CHARGE_UNKNOWN' }
/** Derives workflow ids from runs. Any fixed UUID would do. */
const RUN_NAMESPACE = '5b0f8a4e-0d0b-4c3b-9a53-2f3c5a7f1e21'
/** The workflows of the runs under way in this process, for each Farebox. */
const runningOf = new WeakMap<Farebox, Set<string>>()
/** How a run ended that the database began, although its process was told that the database is away. Nobody worked there. */
const NOT_BEGUN = { failed: 'RUN_NOT_BEGUN' }
/** The beginnings that the database did not answer, for each Farebox. */
const unansweredOf = new WeakMap<Farebox, UnansweredRuns>()

/** Work to do once per idempotency key. */
export interface Run {
  accountId: string
  idempotencyKey: string | undefined
  /** What was asked for, field by field. */
  fields: Record<string, unknown>
  /** Whether it may start again when its outcome is unknown. A phone must not ring twice. @defaultValue true */
  isRepeatable?: boolean
  /** Whether it shares its workflow with other work, which hides what it charged if it dies. @defaultValue false */
  isShared?: boolean
  /** Is told the workflow of an earlier run whose failure is repeated, since that was charged. */
  belongsTo?(workflow: NamedWorkflow): void
}

/**
 * Runs `work` once per idempotency key. A later request with the same fields gets the first answer, one with other fields a
 * conflict that names them. A run that failed without a charge starts again. One that failed after a charge does not: it repeats
 * its failure.
 */
export async function runOnce<Answer extends object>(
  box: Farebox,
  run: Run,
  work: (workflowId: string) => Promise<Answer>,
): Promise<Answer | JsonAnswer<Answer> | ProblemAnswer> {
  const { accountId, idempotencyKey, fields, isRepeatable = true, isShared = false } = run
  if (idempotencyKey === undefined) {
    return work(newUuid()).catch((error: unknown) => {
      throw error instanceof ChargedRunError ? error.cause : error
    })
  }
  // Digests are enough to compare requests, and prompts have no place in a ledger.
  const digests = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, digestOf(value)]))
  /** The workflow of the run before this one, if that was taken for dead. */
  let replaced: string | undefined
  for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
    const documentId = `${idempotencyKey}#${attempt}`
    // Derived before the run, so that the charges of a run that died can be looked up.
    const workflowId = uuidv5(`${accountId}\0${documentId}`, RUN_NAMESPACE)
    // Before the next run begins, so that there is none without it.
    if (replaced !== undefined && !(await box.ledger.document(accountId, 'run', documentId)))
      await chargeNothingFor(box, accountId, replaced)
    replaced = undefined
    if (!(await begins(box, { accountId, documentId, digests }))) {
      const end = await box.ledger.document(accountId, 'run_end', documentId)
      // Another route would be a conflict, so the answer has this route's type.
      if (end?.body.answer) return new JsonAnswer(200, end.body.answer as Answer, REPLAYED)
      if (end?.body.failed === 'OUTCOME_UNKNOWN') throw outcomeUnknown()
      const charged = () => run.belongsTo?.({ id: workflowId, isOpened: true })
      if (end?.body.problem) {
        charged()
        return new ProblemAnswer(end.body.problem as Problem, REPLAYED)
      }
      if (end?.body.failed === REPLACED.failed) replaced = workflowId
      // A charge may have got through although the database could not say so.
      else if (end && (await (isShared ? hasChargedHold(box, accountId, end.body) : hasCharged(box, accountId, workflowId)))) {
        charged()
        throw answerNotKept()
      }
      // A charge may still come from a spool.
      if (end?.body.failed === UNSURE.failed) replaced = workflowId
      if (end) continue
      const start = await box.ledger.document(accountId, 'run', documentId)
      const isOld = start !== undefined && box.now() - start.createdAt > RUN_MS_MAX
      if (await isUnanswered(box, accountId, start?.body.savedBy)) {
        await endFor(box, accountId, documentId, NOT_BEGUN)
        continue
      }
      if (isOld && !(await isAlive(box, accountId, workflowId))) {
        if (!isRepeatable) throw outcomeUnknown()
        if (isShared || (await hasCharged(box, accountId, workflowId))) {
          charged()
          throw answerNotKept()
        }
        // Its process may only have slept. Whoever writes the end first decides which run counts.
        await endFor(box, accountId, documentId, REPLACED)
        replaced = workflowId
        continue
      }
      throw inProgress()
    }
    return whileRunning(box, workflowId, () => runAndKeep(box, { ...run, isRepeatable }, { documentId, workflowId }, work))
  }
  throw new IdempotencyInProgressError('too many requests under this idempotency key have failed: use another one')
}

/** Ends a run in its process's stead, unless that has ended it. */
async function endFor({ ledger }: Farebox, accountId: string, documentId: string, body: Record<string, unknown>): Promise<void> {
  await ledger.saveDocument({ accountId, kind: 'run_end', documentId, body }).catch((error: unknown) => {
    throw error instanceof IdempotencyConflictError ? inProgress() : error
  })
}

/** Begins a run, and returns whether this call did. */
async function begins(
  box: Farebox,
  { accountId, documentId, digests }: { accountId: string; documentId: string; digests: Record<string, unknown> },
): Promise<boolean> {
  const savedBy = newUuid()
  const unanswered = unansweredIn(box)
  try {
    const { replayed } = await box.ledger.saveDocument({ accountId, kind: 'run', documentId, body: digests, savedBy })
    unanswered.tellSoon()
    return !replayed
  } catch (error) {
    if (error instanceof LedgerUnavailableError) unanswered.add(savedBy, { accountId, documentId })
    throw error
  }
}

/** Whether whoever began a run was told that the database is away. Nobody works there. */
async function isUnanswered(box: Farebox, accountId: string, savedBy: unknown): Promise<boolean> {
  return typeof savedBy === 'string' && (await unansweredIn(box).has(accountId, savedBy))
}

function unansweredIn(box: Farebox): UnansweredRuns {
  const known = unansweredOf.get(box) ?? new UnansweredRuns(box.ledger)
  unansweredOf.set(box, known)
  return known
}

/** Runs `work` and keeps its outcome for repeated requests. */
async function runAndKeep<Answer extends object>(
  box: Farebox,
  { accountId, isRepeatable, isShared }: Run,
  { documentId, workflowId }: { documentId: string; workflowId: string },
  work: (workflowId: string) => Promise<Answer>,
): Promise<Answer> {
  const end = async (body: Record<string, unknown>) => {
    try {
      await box.ledger.saveDocument({ accountId, kind: 'run_end', documentId, body })
    } catch (error) {
      if (!(error instanceof IdempotencyConflictError) || !(await isReplaced(box, accountId, documentId))) throw error
      // The other run is charged instead.
      await whenBack(() => refundReplaced(box, accountId, workflowId))
      throw new ReplacedRunError()
    }
  }
  let answer: Answer
  try {
    answer = await work(workflowId)
  } catch (thrown) {
    const error = thrown instanceof ChargedRunError ? thrown.cause : thrown
    const failed = isRepeatable || isBeforeWork(error) ? codeOf(error) : 'OUTCOME_UNKNOWN'
    const failure = isShared ? { failed, holdId: holdOf(error) } : { failed }
    const isUnsure = thrown instanceof ChargedRunError && thrown.isUnsure && isRepeatable
    const isCharged = thrown instanceof ChargedRunError && !isUnsure
    const ending = isUnsure ? UNSURE : isCharged ? { problem: problemOf(keptError(error)) } : failure
    await end(ending).catch((reason: unknown) => {
      if (reason instanceof ReplacedRunError) throw inProgress()
      // Until this is written, the key answers "in progress": for ten minutes at most, after which the run counts as dead.
      whenBack(() => end(ending), { ref: false }).catch(() => undefined)
    })
    throw error
  }
  // The work is done and paid for, so the caller gets the answer even if it is too long to keep for a repeated request.
  const keep = () =>
    end({ answer }).catch((error: unknown) => {
      if (error instanceof ReplacedRunError || error instanceof LedgerUnavailableError) throw error
      return end({ problem: problemOf(answerNotKept()) })
    })
  await keep().catch((error: unknown) => {
    if (error instanceof ReplacedRunError) throw inProgress()
    whenBack(keep, { ref: false }).catch(() => undefined)
  })
  return answer
}

/** A run was taken for dead by another process, which has begun another in its place. Its charges are refunded. */
class ReplacedRunError extends Error {}

async function isReplaced(box: Farebox, accountId: string, documentId: string): Promise<boolean> {
  const end = await box.ledger.document(accountId, 'run_end', documentId)
  return end?.body.failed === REPLACED.failed
}

function refundReplaced(box: Farebox, accountId: string, workflowId: string): Promise<void> {
  return box.workflow({ accountId, workflowId, name: '', isOpened: true }).refund('another run has replaced this one')
}

/**
 * Sees to it that a replaced run charges nothing, then or later: its process may only have slept, or its usage may wait in the spool
 * of one that is gone, or that cannot reach the database. Its workflow is closed, so that nothing more is held there. Then each of its
 * holds is settled in that process's stead, without usage, so that the ledger refuses what comes after. What came before is refunded.
 */
async function chargeNothingFor(box: Farebox, accountId: string, workflowId: string): Promise<void> {
  if (!(await workflowOf(box, accountId, workflowId))) await openFor(box, accountId, workflowId)
  await box.ledger.closeWorkflow({ accountId, workflowId })
  for (const { holdId, state } of await box.ledger.holdsOf(accountId, workflowId)) {
    if (state !== 'settled') await settleWithoutUsage(box, accountId, holdId)
  }
  await refundReplaced(box, accountId, workflowId)
}

/** Opens the workflow of a run that has not, unless that comes first after all. */
async function openFor({ ledger }: Farebox, accountId: string, workflowId: string): Promise<void> {
  await ledger.openWorkflow({ accountId, workflowId, name: 'replaced' }).catch((error: unknown) => {
    if (!isFareboxError(error) || (error.code !== 'ALREADY_EXISTS' && error.code !== 'IDEMPOTENCY_CONFLICT')) throw error
  })
}

/** Settles a hold that has ended, unless its own settlement came first. */
async function settleWithoutUsage({ ledger }: Farebox, accountId: string, holdId: string): Promise<void> {
  const usage = {
    quantity: quantity(0),
    unit: 'requests',
    rated: microCredits(0n),
    roundingStep: microCredits(1n),
    details: REPLACED,
  } as const
  await ledger.settleHold({ accountId, holdId, usage }).catch((error: unknown) => {
    if (error instanceof UsageSpooledError) throw error.cause
    if (!(error instanceof IdempotencyConflictError)) throw error
  })
}

async function whileRunning<Result>(box: Farebox, workflowId: string, work: () => Promise<Result>): Promise<Result> {
  const running = runningOf.get(box) ?? new Set()
  runningOf.set(box, running.add(workflowId))
  try {
    return await work()
  } finally {
    running.delete(workflowId)
  }
}

/**
 * Whether a run is under way: in this process, or in another one whose calls hold credits. A hold lasts as long as its call may
 * take, and expires soon after its process has died.
 */
async function isAlive(box: Farebox, accountId: string, workflowId: string): Promise<boolean> {
  if (runningOf.get(box)?.has(workflowId)) return true
  // Reading the balance applies what is due on the account, so that expired holds no longer count.
  await box.ledger.balance(accountId)
  return ((await workflowOf(box, accountId, workflowId))?.held ?? 0n) > 0n
}

/**
 * A run failed after a charge, so it must not start again. `cause` is what its caller is told. Where the database could not say
 * whether there was a charge, it is asked once more when the request is repeated.
 */
export class ChargedRunError extends Error {
  readonly isUnsure: boolean

  constructor(cause: unknown, { isUnsure = false } = {}) {
    super('a run failed after it had charged', { cause })
    this.isUnsure = isUnsure
  }
}

/** The error for a run to throw when its only call has failed: one whose failed attempts were charged must not start again. */
export function ofFailedCall(error: unknown): unknown {
  return wasCharged(error) ? new ChargedRunError(error) : error
}

/** What a repeated request is told about a run that failed after a charge: its caller is there, and trying again does not help. */
function keptError(error: unknown): unknown {
  if (codeOf(error) === 'CALLER_LEFT') return answerLeft()
  return isFareboxError(error) && error.isRetryable ? answerNotKept() : error
}

/** Codes of errors which imply that no work was done. */
const BEFORE_WORK: ReadonlySet<string> = new Set([
  'ACCOUNT_FROZEN',
  'INSUFFICIENT_CREDITS',
  'BUDGET_EXCEEDED',
  'WORKFLOW_CEILING',
  'REQUEST_LIMIT',
  'SERVICE_NOT_ALLOWED',
  'NO_PROVIDER',
  'PROVIDERS_FAILED',
  'PROVIDERS_BUSY',
  'REQUEST_REJECTED',
  'REQUEST_TOO_LONG',
  'CALLER_LEFT',
])

function isBeforeWork(error: unknown): boolean {
  return BEFORE_WORK.has(codeOf(error))
}

function codeOf(error: unknown): string {
  return isFareboxError(error) ? error.code : 'INTERNAL'
}

function digestOf(value: unknown): string | undefined {
  return value === undefined ? undefined : hash('sha256', JSON.stringify(value))
}

async function hasCharged(box: Farebox, accountId: string, workflowId: string): Promise<boolean> {
  return ((await workflowOf(box, accountId, workflowId))?.spent ?? 0n) > 0n
}

/** The same for a run that failed in a workflow which it shares: that shows only in its hold. */
async function hasChargedHold(box: Farebox, accountId: string, { holdId }: Readonly<Record<string, unknown>>): Promise<boolean> {
  return typeof holdId === 'string' && (await box.ledger.hold(accountId, holdId)).charged > 0n
}

/** `undefined` where nothing was ever done in the workflow. */
async function workflowOf(box: Farebox, accountId: string, workflowId: string): Promise<WorkflowSummary | undefined> {
  try {
    return await box.ledger.workflow(accountId, workflowId)
  } catch (error) {
    if (isFareboxError(error) && error.code === 'WORKFLOW_NOT_FOUND') return undefined
    throw error
  }
}

function answerNotKept(): AnswerNotKeptError {
  return new AnswerNotKeptError('the first request under this idempotency key was charged, but its answer was not kept')
}

function inProgress(): IdempotencyInProgressError {
  return new IdempotencyInProgressError('an earlier request under this idempotency key has not ended yet')
}

function outcomeUnknown(): ProvidersFailedError {
  return new ProvidersFailedError('OUTCOME_UNKNOWN', [], undefined)
}
