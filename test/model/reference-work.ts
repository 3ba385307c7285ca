import { type Credits, microCredits } from '@farebox/core'
import type { LinesSoFar, NewWorkflow } from '../../packages/ledger/src/inputs.ts'
import type { Failure, Operations, Outcome, RatedUsage } from '../../packages/ledger/src/operations.ts'
import type { Refusal } from '../../packages/ledger/src/outcomes.ts'
import { ReferenceLimits } from './reference-limits.ts'
import {
  ANY_SERVICE,
  addPart,
  byAge,
  exists,
  type Hold,
  invalid,
  least,
  missing,
  type Part,
  positive,
  reserveIdOf,
  sum,
  takeFirst,
  takeLast,
  type Usage,
  type Work,
  type Workflow,
} from './reference-things.ts'

/** Holds, and what is charged against them or without any. */
export abstract class ReferenceWork extends ReferenceLimits {
  /** Holds that nobody settled go back, those that were to go back by then. */
  protected letHoldsHappen(by: number): void {
    for (const hold of this.holds.toSorted(byAge)) {
      if (hold.state !== 'open' || hold.expiresAt + hold.graceMs > by) continue
      this.told.push({ type: 'hold_expired', holdId: hold.holdId, amount: String(hold.left) })
      this.endHold(hold, 'expired')
    }
  }

  protected abstract openWorkflow(input: Operations['openWorkflow']): Outcome
  protected abstract closeWorkflow(input: Operations['closeWorkflow']): Outcome

  /** Work in a workflow that it opens, unless it is open: all of it happens, or nothing. */
  #opening(input: Work & { opensWorkflow?: NewWorkflow }, work: () => Outcome): Outcome {
    const { workflowId, opensWorkflow } = input
    if (workflowId === undefined || opensWorkflow === undefined) return work()
    const known = this.workflows.find((each) => each.workflowId === workflowId)
    if (known) return isSaid(known, opensWorkflow) ? work() : exists('workflow', workflowId)
    const opened = this.openWorkflow({ ...opensWorkflow, workflowId })
    if (opened.status !== 'opened') return opened
    const outcome = work()
    if (!('replayed' in outcome)) this.workflows.pop()
    return outcome
  }

  /** New work as it counts, or why it may not begin. */
  #newWork({ service, workflowId, apiKeyId, userId }: Work): Work | Failure | Refusal {
    const [workflow] = this.envelopes(workflowId)
    if (workflowId !== undefined && !workflow) return missing('WORKFLOW_NOT_FOUND', workflowId)
    return this.closedOver(workflowId) ?? { service, workflowId, apiKeyId, userId: userId ?? workflow?.userId }
  }

  protected placeHold(input: Operations['placeHold']): Outcome {
    const { holdId } = input
    if (this.holds.some((hold) => hold.holdId === holdId)) return exists('hold', holdId)
    return this.#opening(input, () => this.#placeHold(input))
  }

  #placeHold(input: Operations['placeHold']): Outcome {
    const { holdId, amount, provider, overage, ttlMs, graceMs } = input
    const work = this.#newWork(input)
    if ('status' in work) return work
    const refusal = this.refusal(work, amount)
    if (refusal) return refusal
    const hold = this.newHold({ ...work, holdId, provider, overage, graceMs }, ttlMs)
    this.setAside(hold, amount)
    return this.#heldOutcome(hold, input.unitPrice)
  }

  protected newHold(facts: Omit<Hold, 'left' | 'pins' | 'state' | 'takenAt' | 'expiresAt'>, ttlMs: number): Hold {
    const hold: Hold = { ...facts, left: 0n, pins: [], state: 'open', takenAt: this.now, expiresAt: this.now + ttlMs }
    this.holds.push(hold)
    return hold
  }

  /**
   * Sets more aside for a hold, from reserves first; these live as long as what draws on them.
   *
   * @param work  the hold, or the work that it is made for
   */
  protected setAside(hold: Hold, amount: bigint, work: Work = hold): void {
    const drawn = this.#drawReserves(work, amount, hold.holdId)
    for (const part of drawn) addPart(hold.pins, { ...part }, 'last')
    const fresh = amount - sum(drawn.map((part) => part.amount))
    for (const part of this.partsFor(hold.service, fresh)) addPart(hold.pins, { ...part }, 'last')
    hold.left += amount
    this.budgets.count(hold, this.now, amount, hold.holdId)
    for (const reserve of this.reservesFor(work)) reserve.expiresAt = Math.max(reserve.expiresAt, hold.expiresAt)
  }

  /** Takes up to `amount` from reserves. What of it is counted in budgets is counted for the taker from now on. */
  #drawReserves(work: Work, amount: bigint, taker: string | undefined): Part[] {
    const drawn: Part[] = []
    for (const reserve of this.reservesFor(work)) {
      const take = least(amount - sum(drawn.map((part) => part.amount)), reserve.left)
      const from = reserve.workflowId ?? ''
      for (const part of takeFirst(reserve.pins, take)) {
        drawn.push({ ...part, reserves: [from, ...(part.reserves ?? [])] })
        this.budgets.move(reserve.holdId, taker, part.amount, this.spendersOf(reserve, part), true)
      }
      reserve.left -= take
    }
    return drawn
  }

  /** Takes what nothing was held for: from reserves first. */
  protected take(work: Work, amount: bigint): Part[] {
    const drawn = this.#drawReserves(work, amount, NOBODY)
    this.spend(drawn)
    const fresh = this.partsFor(work.service, amount - sum(drawn.map((part) => part.amount)))
    this.spend(fresh)
    this.budgets.count(work, this.now, amount, NOBODY)
    this.budgets.forget(NOBODY)
    return [...drawn, ...fresh]
  }

  #heldOutcome(hold: Hold, unitPrice?: Credits): Outcome {
    const affordable = this.affordable(hold)
    return {
      status: 'held',
      holdId: hold.holdId,
      amount: microCredits(hold.left),
      expiresAt: hold.expiresAt,
      balance: this.balance,
      affordable,
      ...(unitPrice && { affordableUnits: affordable / unitPrice }),
      replayed: false,
    }
  }

  #openHold(holdId: string): Hold | Failure | Refusal {
    const hold = this.holds.find((each) => each.holdId === holdId)
    if (!hold) return missing('HOLD_NOT_FOUND', holdId)
    return hold.state === 'open' ? hold : { status: 'refused', reason: 'hold_not_open', holdId, state: hold.state }
  }

  protected extendHold({ holdId, amount, ttlMs, unitPrice }: Operations['extendHold']): Outcome {
    const hold = this.#openHold(holdId)
    if ('status' in hold) return hold
    const more = microCredits((amount ?? hold.left) - hold.left)
    const refusal = more > 0n ? (this.closedOver(hold.workflowId) ?? this.refusal(hold, more)) : undefined
    if (refusal) return refusal
    if (ttlMs !== undefined) hold.expiresAt = this.now + ttlMs
    if (more > 0n) this.setAside(hold, more)
    else this.#giveBack(hold, -more)
    for (const reserve of this.reservesFor(hold)) reserve.expiresAt = Math.max(reserve.expiresAt, hold.expiresAt)
    return this.#heldOutcome(hold, unitPrice)
  }

  protected releaseHold({ holdId }: Operations['releaseHold']): Outcome {
    const hold = this.#openHold(holdId)
    if ('status' in hold) return hold
    const amount = microCredits(hold.left)
    this.endHold(hold, 'released')
    return { status: 'released', holdId, amount, replayed: false }
  }

  protected endHold(hold: Hold, state: Hold['state']): void {
    this.changedAt = this.now
    this.#giveBack(hold, hold.left)
    hold.state = state
  }

  /** Takes `amount` off a hold, the last set aside first, and gives it to the reserve that it came from, if that is open. */
  #giveBack(hold: Hold, amount: bigint): void {
    hold.left -= amount
    for (const part of takeLast(hold.pins, amount)) {
      const froms = part.reserves ?? []
      const spenders = this.spendersOf(hold, part)
      const at = froms.findIndex((workflowId) => this.#reserveOf(workflowId))
      const reserve = this.#reserveOf(froms[at] ?? '')
      if (!reserve) {
        this.unpin(part)
        this.budgets.uncount(hold.holdId, part.amount, spenders)
        continue
      }
      const further = froms.slice(at + 1)
      const back = { grantId: part.grantId, amount: part.amount, ...(further.length > 0 && { reserves: further }) }
      addPart(reserve.pins, { ...back }, 'first')
      reserve.left += part.amount
      const moved = this.budgets.move(hold.holdId, reserve.holdId, part.amount, this.spendersOf(reserve, back))
      this.budgets.uncount(hold.holdId, part.amount, spenders, moved)
    }
  }

  #reserveOf(workflowId: string): Hold | undefined {
    return this.holds.find(({ holdId, state }) => holdId === reserveIdOf(workflowId) && state === 'open')
  }

  /** What is due for more usage of a line: the whole of it rounded up once, less what it was billed before. */
  #due(line: readonly Usage[], { rated, roundingStep }: RatedUsage): Credits {
    // Without a price and a step to round to, it settles nothing that is open.
    if (rated === 0n && roundingStep === 1n) return microCredits(0n)
    const whole = sum(line.map((usage) => usage.rated)) + rated
    const rounded = whole % roundingStep === 0n ? whole : (whole / roundingStep + 1n) * roundingStep
    return positive(rounded - sum(line.map(({ charged, shortfall }) => charged + shortfall)))
  }

  /** All usage that a workflow has of a service and a provider, with its corrections. */
  usagesOf({ workflowId, service, provider }: Work): Usage[] {
    if (workflowId === undefined) return []
    const isOurs = (usage: Usage) => usage.service === service && usage.provider === provider
    return this.usages.filter((usage) => usage.workflowId === workflowId && isOurs(usage))
  }

  /** The usage that counts for what more of a line costs: corrections change nothing of that, but that what they took back never was. */
  #lineOf(work: Work, unit: string): Usage[] {
    const usages = this.usagesOf(work).filter((usage) => usage.unit === unit)
    return usages.filter((usage) => usage.corrects === undefined && !isTakenBack(usage, usages))
  }

  /** Corrections change what a line was rated at. */
  #areLinesAt(work: Work, expected: LinesSoFar): boolean {
    const lines = this.usagesOf(work)
    const [used, rated] = [sum(lines.map(({ quantity }) => quantity)), sum(lines.map((usage) => usage.rated))]
    return used === expected.quantity && rated === expected.rated
  }

  /** The same, of a hold that belongs to no workflow. */
  #settledOn(holdId: string): Usage[] {
    return this.usages.filter((usage) => usage.holdId === holdId && !isTakenBack(usage, this.usages))
  }

  protected settleHold({ holdId, usageId, partOf, usage, final, closesWorkflow, ...input }: Operations['settleHold']): Outcome {
    const { announce } = input
    const hold = this.holds.find((each) => each.holdId === holdId)
    if (!hold) return missing('HOLD_NOT_FOUND', holdId)
    if (hold.state === 'settled') return { status: 'refused', reason: 'hold_not_open', holdId, state: 'settled' }
    if (hold.service === ANY_SERVICE) {
      const problem = `names the reserve of workflow ${hold.workflowId}: place a hold under that workflow, and settle it`
      return invalid('holdId', problem)
    }
    if (this.usages.some((each) => each.usageId === usageId)) return exists('usage record', usageId)
    if (partOf !== undefined && this.usages.some((each) => each.usageId === partOf)) return exists('usage record', partOf)
    if (closesWorkflow && hold.workflowId === undefined) {
      return invalid('closesWorkflow', `must not be set where hold ${holdId} belongs to no workflow`)
    }
    const work = { ...hold, provider: input.provider ?? hold.provider }
    const isLate = hold.state !== 'open'
    const isAlone = work.workflowId === undefined
    const line = isAlone ? this.#settledOn(holdId) : this.#lineOf(work, usage.unit)

    const due = this.#due(line, usage)
    const covered = least(due, hold.left)
    const excess = microCredits(due - covered)
    const overage = input.overage ?? hold.overage
    const refusal = excess > 0n && overage === 'reject' ? this.refusal(work, excess) : undefined
    if (refusal) return refusal
    const more = least(excess, this.affordable(work, overage === 'debt'))

    const drawn = takeFirst(hold.pins, covered).map(({ grantId, amount }) => ({ grantId, amount }))
    hold.left -= covered
    this.spend(drawn)
    const beyond = this.take(work, more)
    const record = this.#record(work, usageId, usage, covered + more, excess - more, [...drawn, ...beyond], hold)
    if (final && !isLate) this.endHold(hold, 'settled')
    if (closesWorkflow) this.closeWorkflow({ workflowId: hold.workflowId ?? '', announce })
    const left = microCredits(this.affordable(hold) + hold.left)
    return { ...this.#chargedOutcome(record, left, isLate), ...(input.unitPrice && { affordableUnits: left / input.unitPrice }) }
  }

  protected charge(input: Operations['charge']): Outcome {
    const { usageId } = input
    if (this.usages.some((each) => each.usageId === usageId)) return exists('usage record', usageId)
    return this.#opening(input, () => this.#charge(input))
  }

  #charge(input: Operations['charge']): Outcome {
    const { usageId, usage, overage, provider, workflowId, closesWorkflow, announce, linesSoFar } = input
    const found = this.#newWork(input)
    if ('status' in found) return found
    const work = { ...found, provider }
    // Its budgets are looked at whatever comes of it, so that their windows begin.
    this.affordable(work)
    if (linesSoFar && !this.#areLinesAt(work, linesSoFar)) {
      return { status: 'failed', code: 'LINE_CHANGED', workflowId: workflowId ?? '' }
    }
    const due = this.#due(this.#lineOf(work, usage.unit), usage)
    // Work that costs nothing is new work too.
    const mayBeRefused = overage === 'reject' && (due > 0n || this.isFrozen)
    const refusal = mayBeRefused ? this.refusal(work, due) : undefined
    if (refusal) return refusal
    const charged = least(due, this.affordable(work, overage === 'debt'))
    const record = this.#record(work, usageId, usage, charged, due - charged, this.take(work, charged))
    if (closesWorkflow) this.closeWorkflow({ workflowId: workflowId ?? '', announce })
    return this.#chargedOutcome(record, this.affordable(work), false)
  }

  #record(
    work: Work & { provider: string },
    usageId: string,
    usage: RatedUsage,
    charged: bigint,
    shortfall: bigint,
    parts: Part[],
    hold?: Hold,
  ): Usage {
    const { service, provider, workflowId, apiKeyId, userId } = work
    const { rated, unit, quantity, cost } = usage
    const takenAt = hold?.takenAt ?? this.now
    const whose = { service, provider, workflowId, apiKeyId, userId, holdId: hold?.holdId }
    const record: Usage = {
      ...whose,
      unit,
      quantity,
      rated,
      cost,
      takenAt,
      recordedAt: this.now,
      usageId,
      charged,
      shortfall,
      parts,
    }
    this.usages.push(record)
    return record
  }

  #chargedOutcome({ usageId, charged, shortfall }: Usage, affordable: Credits, late: boolean): Outcome {
    const amounts = { charged: microCredits(charged), shortfall: microCredits(shortfall) }
    const { balance, available } = this
    return { status: 'charged', usageId, ...amounts, balance, available, affordable, late, replayed: false }
  }
}

/** Whether a workflow was opened with these words. */
function isSaid({ parentId, hasReserve, name, maxCredits, userId, apiKeyId }: Workflow, said: NewWorkflow): boolean {
  const isPlain = parentId === undefined && !hasReserve
  return isPlain && name === said.name && maxCredits === said.maxCredits && userId === said.userId && apiKeyId === said.apiKeyId
}

/** What takes from budgets for good, and has no hold. */
const NOBODY = 'nobody in particular'

/** Whether nothing of a record is charged any more that once was, or nothing at all is left of it. */
function isTakenBack({ usageId }: Usage, usages: readonly Usage[]): boolean {
  const all = usages.filter((usage) => usage.usageId === usageId || usage.corrects === usageId)
  if (all.length === 1 || sum(all.map(({ charged }) => charged)) !== 0n) return false
  const isNothing = sum(all.map(({ rated }) => rated)) === 0n && sum(all.map(({ shortfall }) => shortfall)) === 0n
  return isNothing || all.some(({ charged }) => charged > 0n)
}
