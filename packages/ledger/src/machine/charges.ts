import { type Credits, microCredits, microUnits, nanoUsd } from '@farebox/core'
import type { LinesSoFar } from '../inputs.ts'
import type { Operations, RatedUsage } from '../operations.ts'
import type { ChargedOutcome } from '../outcomes.ts'
import type { HoldRow, Lot, Posting, UsageRow, WorkflowLine, WorkflowRow } from '../rows.ts'
import { endHold } from './advance.ts'
import { affordable, inUnits, type Limits, limitsOf, newWork, refusalOf } from './affordable.ts'
import { endWorkflow } from './end-workflow.ts'
import { moveEnvelopes } from './envelopes.ts'
import type { NewEvent } from './events.ts'
import { least } from './least.ts'
import { consumePinned } from './lots.ts'
import { addWorkflow } from './new-workflow.ts'
import { isReserve } from './reserves.ts'
import { takeFree } from './set-aside.ts'
import { type Decision, refuse, type Step } from './step.ts'

/** Charges usage against a hold. A final settlement also gives back what is left of the hold. */
export function settleHold(step: Step, input: Operations['settleHold']): Decision<'settleHold'> {
  const { state, account, now } = step
  const hold = state.hold(account.accountId, input.holdId)
  if (!hold) return refuse({ status: 'failed', code: 'HOLD_NOT_FOUND', id: input.holdId })
  if (hold.state === 'settled') {
    return refuse({ status: 'refused', reason: 'hold_not_open', holdId: hold.holdId, state: hold.state })
  }
  if (isReserve(hold)) {
    const problem = `names the reserve of workflow ${hold.workflowId}: place a hold under that workflow, and settle it`
    return refuse({ status: 'failed', code: 'INVALID_INPUT', field: 'holdId', problem })
  }
  const taken = [input.usageId, input.partOf].find((id) => id !== undefined && state.usage(account.accountId, id))
  if (taken !== undefined) return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'usage record', id: taken })

  if (input.closesWorkflow && hold.workflowId === null) {
    const problem = `must not be set where hold ${hold.holdId} belongs to no workflow`
    return refuse({ status: 'failed', code: 'INVALID_INPUT', field: 'closesWorkflow', problem })
  }

  const late = hold.state !== 'open'
  const workflow = hold.workflowId === null ? undefined : state.workflow(account.accountId, hold.workflowId)
  const limits = limitsOf(step, hold, workflow)
  const provider = input.provider ?? hold.provider
  const due = dueOn(workflow ? (findLine(workflow, hold.service, provider, input.usage) ?? NOTHING_YET) : hold, input.usage)
  const fromHold = least(due, hold.remaining)
  const excess = microCredits(due - fromHold)
  const overage = input.overage ?? hold.overage
  const takable = takableOf(overage, step, limits)
  if (excess > takable && overage === 'reject') {
    const refusal = refusalOf(step, limits, excess)
    if (refusal) return refuse(refusal)
  }

  const drawn = consumePinned(state, account, hold.lots, fromHold)
  hold.remaining = microCredits(hold.remaining - fromHold)
  const beyond = least(excess, takable)
  // Budgets counted what the hold covered when it was placed. They count the excess now.
  const { lots, fromReserve, fromFree } = takeFree(step, limits, beyond)
  drawn.push(...lots)
  const charged = microCredits(fromHold + beyond)
  const shortfall = microCredits(excess - beyond)

  moveEnvelopes(state, limits.envelopes, { held: -fromHold, spent: charged })
  addToLine(hold, input.usage, charged, shortfall)
  if (workflow) addToLine(lineOf(workflow, hold.service, provider, input.usage), input.usage, charged, shortfall)
  state.touch('holds', hold)

  recordUsage(step, input.usageId, input.usage, {
    workflow,
    hold,
    service: hold.service,
    provider,
    apiKeyId: hold.apiKeyId,
    userId: hold.userId,
    charged,
    shortfall,
    lots: drawn,
  })
  const postings: Posting[] = [
    ...spentPostings(hold.service, microCredits(fromHold + fromReserve), fromFree, shortfall),
    ...(input.final && !late ? endHold(state, account, hold, 'settled', now) : []),
  ]
  const event = closeWith(step, workflow, input, postings)
  const left = microCredits(affordable(step, limits) + hold.remaining)
  const outcome = chargedOutcome(step, input.usageId, charged, shortfall, left, late)
  return { done: { ...outcome, ...inUnits(left, input.unitPrice) }, postings, event }
}

/**
 * Charges work that no hold was placed for. Under `reject` it is new work, which a frozen account refuses even if it costs
 * nothing. The other policies record work that was done already.
 */
export function charge(step: Step, input: Operations['charge']): Decision<'charge'> {
  const { state, account } = step
  const { service, provider, usage } = input
  if (state.usage(account.accountId, input.usageId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'usage record', id: input.usageId })
  }
  const found = newWork(step, input)
  if ('refused' in found) return found
  const { workflow, isNew, limits } = found
  if (workflow && input.linesSoFar && !areLinesAt(workflow, input, input.linesSoFar)) {
    return refuse({ status: 'failed', code: 'LINE_CHANGED', workflowId: workflow.workflowId })
  }
  const due = dueOn((workflow && findLine(workflow, service, provider, usage)) ?? NOTHING_YET, usage)
  const takable = takableOf(input.overage, step, limits)
  if (input.overage === 'reject' && (due > takable || account.isFrozen)) {
    const refusal = refusalOf(step, limits, due)
    if (refusal) return refuse(refusal)
  }

  if (workflow && isNew) addWorkflow(step, workflow)
  const charged = least(due, takable)
  const shortfall = microCredits(due - charged)
  const { lots, fromReserve, fromFree } = takeFree(step, limits, charged)
  moveEnvelopes(state, limits.envelopes, { spent: charged })
  if (workflow) addToLine(lineOf(workflow, service, provider, usage), usage, charged, shortfall)
  recordUsage(step, input.usageId, usage, {
    workflow,
    service,
    provider,
    apiKeyId: input.apiKeyId ?? null,
    userId: limits.spender.userId ?? null,
    charged,
    shortfall,
    lots,
  })
  const postings = spentPostings(service, fromReserve, fromFree, shortfall)
  const event = closeWith(step, workflow, input, postings)
  return { done: chargedOutcome(step, input.usageId, charged, shortfall, affordable(step, limits), false), postings, event }
}

/** Closes the workflow along with its last charge, if that was asked for. */
function closeWith(
  step: Step,
  workflow: WorkflowRow | undefined,
  { closesWorkflow, announce }: Pick<Operations['charge'], 'closesWorkflow' | 'announce'>,
  postings: Posting[],
): NewEvent | undefined {
  if (!closesWorkflow || !workflow) return undefined
  const ended = endWorkflow(step, workflow, { announce })
  postings.push(...ended.postings)
  return ended.event
}

/** What a receipt line, or a hold outside any workflow, was rated and billed so far. */
type Billed = Pick<WorkflowLine, 'rated' | 'charged' | 'shortfall' | 'uncounted'>
const NOTHING_YET: Billed = { rated: microCredits(0n), charged: microCredits(0n), shortfall: microCredits(0n) }

/**
 * What is due for `usage`: the line's whole price, rounded up once, less what was billed before. So a call that is settled in
 * many parts costs as much as one settlement of the whole, whatever the order of the parts.
 */
function dueOn({ rated, charged, shortfall, uncounted }: Billed, usage: RatedUsage): Credits {
  // What a refund left unpaid on the line is due with usage that has a price, and not with a failed attempt, which has none.
  if (usage.rated === 0n && usage.roundingStep === 1n) return microCredits(0n)
  const whole = roundUp(rated - (uncounted?.rated ?? 0n) + usage.rated, usage.roundingStep)
  const due = whole - (charged + shortfall - (uncounted?.billed ?? 0n))
  return microCredits(due > 0n ? due : 0n)
}

function roundUp(amount: bigint, step: bigint): bigint {
  return step <= 1n ? amount : ((amount + step - 1n) / step) * step
}

/** How much may be taken beyond what was held. Only the `debt` policy may exceed the credit line, up to the debt limit. */
export function takableOf(policy: HoldRow['overage'], step: Step, limits: Limits): Credits {
  return affordable(step, limits, policy === 'debt' ? step.account.debtLimit : 0n)
}

function findLine(workflow: WorkflowRow, service: string, provider: string, usage: RatedUsage): WorkflowLine | undefined {
  return workflow.lines.find((line) => line.service === service && line.provider === provider && line.unit === usage.unit)
}

function areLinesAt(
  { lines }: WorkflowRow,
  { service, provider }: Pick<WorkflowLine, 'service' | 'provider'>,
  expected: LinesSoFar,
): boolean {
  let [quantity, rated] = [0n, 0n]
  for (const line of lines) {
    if (line.service !== service || line.provider !== provider) continue
    quantity += line.quantity
    rated += line.rated
  }
  return quantity === expected.quantity && rated === expected.rated
}

export function lineOf(workflow: WorkflowRow, service: string, provider: string, usage: RatedUsage): WorkflowLine {
  const known = findLine(workflow, service, provider, usage)
  if (known) return known
  const line = { service, provider, unit: usage.unit, quantity: microUnits(0n), priceVersion: null, ...NOTHING_YET }
  workflow.lines.push(line)
  return line
}

export function addToLine(
  line: Billed & Partial<Pick<WorkflowLine, 'quantity' | 'priceVersion'>>,
  usage: RatedUsage,
  charged: Credits,
  shortfall: Credits,
): void {
  line.rated = microCredits(line.rated + usage.rated)
  line.charged = microCredits(line.charged + charged)
  line.shortfall = microCredits(line.shortfall + shortfall)
  if (line.quantity !== undefined) line.quantity = microUnits(line.quantity + usage.quantity)
  if (line.priceVersion !== undefined) line.priceVersion = usage.priceVersion ?? line.priceVersion
}

interface UsageFacts {
  workflow: WorkflowRow | undefined
  hold?: HoldRow
  service: string
  provider: string
  apiKeyId: string | null
  userId: string | null
  charged: Credits
  shortfall: Credits
  lots: Lot[]
  corrects?: string
}

export function recordUsage({ state, account, now }: Step, usageId: string, usage: RatedUsage, facts: UsageFacts): void {
  const { workflow, hold, service, provider, apiKeyId, userId, charged, shortfall, lots } = facts
  if (workflow) state.touch('workflows', workflow)
  const row: UsageRow = {
    accountId: account.accountId,
    usageId,
    sequence: account.sequence + 1,
    workflowId: workflow?.workflowId ?? null,
    holdId: hold?.holdId ?? null,
    service,
    provider,
    model: usage.model ?? null,
    quantity: usage.quantity,
    unit: usage.unit,
    rated: usage.rated,
    charged,
    shortfall,
    cost: usage.cost ?? null,
    certainty: usage.certainty,
    priceVersion: usage.priceVersion ?? null,
    lots,
    apiKeyId,
    userId,
    details: usage.details ?? null,
    corrects: facts.corrects ?? null,
    createdAt: now,
  }
  state.insert('usage_records', row)
  const { accountId } = account
  const user = { accountId, workflowName: workflow?.name ?? '', apiKeyId: apiKeyId ?? '', userId: userId ?? '' }
  state.usageRollups.add(now, {
    ...user,
    service,
    provider,
    unit: usage.unit,
    records: facts.corrects === undefined ? 1n : 0n,
    quantity: usage.quantity,
    charged,
    shortfall,
    cost: usage.cost ?? nanoUsd(0n),
  })
  if (workflow) state.workflowRollups.add(now, { ...user, opened: 0n, closed: 0n, durationMs: 0n, charged })
}

/**
 * The postings of a charge, drawn from holds and then the free balance. The shortfall is posted too: rated = charged + shortfall.
 */
export function spentPostings(service: string, fromHold: Credits, fromFree: Credits, shortfall: Credits): Posting[] {
  return [
    ['held', -fromHold],
    ['available', -fromFree],
    [`spent:${service}`, fromHold + fromFree],
    [`shortfall:${service}`, shortfall],
    ['uncollected', -shortfall],
  ]
}

function chargedOutcome(
  { account }: Step,
  usageId: string,
  charged: Credits,
  shortfall: Credits,
  left: Credits,
  late: boolean,
): ChargedOutcome {
  return {
    status: 'charged',
    usageId,
    charged,
    shortfall,
    balance: account.posted,
    available: microCredits(account.posted - account.held),
    affordable: left,
    late,
    replayed: false,
  }
}
