import { isFareboxError, type PhoneRequest, type PhoneResult, type Quantity, quantity, type Usage } from '@farebox/core'
import type { Ledger, Refusal } from '@farebox/ledger'
import { type AttemptOutcome, attempt, type RouteRequest } from '@farebox/router'
import { COST_MAX, isUsage } from './book-prices.ts'
import { callRoute, seconds } from './call-routes.ts'
import { type CallRunner, type RunnerParts, required } from './call-runner.ts'
import { ProvidersFailedError } from './errors.ts'
import { failureOf } from './failure-of.ts'
import type { HeldRoute, Payer } from './hold-route.ts'
import { settleCall } from './settle-call.ts'
import type { CallWatch } from './telemetry/watch-call.ts'
import type { Metered, PhoneInput } from './workflow-calls.ts'

/** The kind of documents that note a call before it is dialled. The document's id is that of the call's hold. */
export const PHONE_CALL = 'phone_call'
/** The kind of documents that mark the outcome of a call as unknown, so that `reconcile` looks into it. */
export const PHONE_CALL_UNKNOWN = 'phone_call_unknown'

/** No call lasts longer than a year. */
export const LENGTH_SECONDS_MAX = 366 * 86_400
const LENGTH_MAX: ReadonlyMap<string, Quantity> = new Map([
  ['seconds', quantity(LENGTH_SECONDS_MAX)],
  ['minutes', quantity(LENGTH_SECONDS_MAX / 60)],
])

/** The default time for ringing and hanging up, if the adapter states none. */
const EXTRA_SECONDS = 120

/** A note of a call, stored before it is dialled, so that the call can be charged even if the process dies. */
export interface PhoneCallNote {
  workflow_id: string
  to: string
  from: string | null
  /** The time whose prices apply to it, in epoch milliseconds. */
  at: number
  /** When the process that dialled it stops waiting for it, in epoch milliseconds. */
  until: number
}

/**
 * Places one phone call, and waits for its end. Notes the call before it is dialled. If its outcome is unknown, its hold stays
 * open, and {@link Farebox.reconcile} later asks the provider about the call and charges it.
 */
export function placePhoneCall(
  parts: RunnerParts,
  runner: CallRunner,
  payer: Payer,
  input: PhoneInput & { durationSecondsMax: number },
): Promise<Metered & { result: PhoneResult }> {
  const route = callRoute(input.durationSecondsMax, input)
  const watch = runner.watch(route, { isStream: false })
  return watch.run(() => placeWatched({ parts, runner, payer, route, watch }, input))
}

interface Placing {
  parts: RunnerParts
  runner: CallRunner
  payer: Payer
  route: RouteRequest
  watch: CallWatch
}

async function placeWatched(
  { parts, runner, payer, route, watch }: Placing,
  input: PhoneInput & { durationSecondsMax: number },
): Promise<Metered & { result: PhoneResult }> {
  const { to, from, instructions, durationSecondsMax } = input
  const totalMs = (durationSecondsMax + extraSeconds(parts)) * 1000
  const held = await runner.hold(route, input, { totalMs })
  watch.held(held)
  const note: PhoneCallNote = { workflow_id: payer.workflowId, to, from: from ?? null, at: held.at, until: held.at + totalMs }
  const outcome = await parts.ledger
    .saveDocument({ accountId: payer.accountId, kind: PHONE_CALL, documentId: held.holdId, body: { ...note } })
    .then(() => dial({ to, from, instructions, durationSecondsMax }))
    .catch((error: unknown) => runner.giveUp(held, error, watch))
  if (outcome.status !== 'succeeded') {
    const failure = failureOf(outcome, 'call')
    if (isUnknown(failure)) await noteUnknown(parts.ledger, payer, held, outcome)
    else await settleCall(parts, payer, held, { attempts: outcome.attempts, watch })
    throw failure
  }
  const { value, candidate, attemptId, attempts } = outcome
  const { certainty, ...length } = lengthOf(value, durationSecondsMax)
  const result = { ...value, ...length }
  const usage = isPossible(value.usage) ? value.usage : undefined
  const fallback = () => ({ quantities: seconds(result.durationSeconds), certainty, raw: value.usage?.raw })
  const cost = result.cost !== undefined && result.cost >= 0n && result.cost <= COST_MAX ? result.cost : undefined
  const answer = { candidate, attemptId, usage, fallback, requestId: result.callId, cost }
  const { charged, balance } = await settleCall(parts, payer, held, { answer, attempts, watch })
  watch.end({ outcome: 'succeeded', candidate })
  const { provider } = candidate.offer
  return { result, provider, creditsUsed: charged, balance, isSimulated: candidate.adapter.isSimulated }

  function dial(request: PhoneRequest): Promise<AttemptOutcome<PhoneResult, Refusal>> {
    return attempt<PhoneResult, Refusal>({
      ...runner.attemptOptions(held, {}, watch),
      deadlines: { totalMs },
      call: watch.calling((candidate, context) => required(candidate, 'call').call(candidate.adapter, request, context)),
    })
  }
}

/**
 * Replaces an invalid length by the longest possible one, so that the call is charged. The provider's records correct it later.
 */
function lengthOf({ durationSeconds }: PhoneResult, durationSecondsMax: number) {
  return durationSeconds >= 0 && durationSeconds <= LENGTH_SECONDS_MAX
    ? { durationSeconds, certainty: 'derived' as const }
    : { durationSeconds: durationSecondsMax, certainty: 'ceiling' as const }
}

/** Whether a phone call can have lasted as long as its usage says. What says nothing of its length is possible. */
export function isPossible(usage: Usage | undefined): boolean {
  if (!usage || !isUsage(usage)) return true
  return usage.quantities.every(({ quantity: length, unit }) => length <= (LENGTH_MAX.get(unit) ?? length))
}

/** Takes the time of the slowest adapter, because it is not known yet which one will place the call. */
function extraSeconds({ catalog }: RunnerParts): number {
  return Math.max(...catalog.forService('phone').map(({ adapter }) => adapter.callExtraSeconds ?? EXTRA_SECONDS), 0)
}

function isUnknown(failure: unknown): boolean {
  return failure instanceof ProvidersFailedError && failure.code === 'OUTCOME_UNKNOWN'
}

/** Marks the outcome as unknown. The hold stays open, so that nothing else spends what the call may still cost. */
async function noteUnknown(
  ledger: Ledger,
  { accountId }: Payer,
  { holdId }: HeldRoute,
  { attempts }: AttemptOutcome<PhoneResult, Refusal>,
): Promise<void> {
  const callId = attempts.at(-1)?.error?.requestId ?? null
  const body = { call_id: callId }
  await ledger.saveDocument({ accountId, kind: PHONE_CALL_UNKNOWN, documentId: holdId, body }).catch((error: unknown) => {
    // Reconciliation finds the call even without this mark, only later.
    if (!isFareboxError(error)) throw error
  })
}
