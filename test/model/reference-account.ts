import { CREDITS_MAX, type Credits, microCredits, microUnits } from '@farebox/core'
import type { Failure, Operation, Operations, Outcome, RatedUsage, Refusal } from '../../packages/ledger/src/operations.ts'
import { ReferenceBudgets, type Spender } from './reference-budgets.ts'
import { ReferenceKeys } from './reference-keys.ts'
import type { Answer } from './reference-ledger.ts'
import {
  byBurnOrder,
  CREDIT_LINE,
  type Grant,
  type Hold,
  least,
  type Part,
  positive,
  sum,
  type Usage,
  type Workflow,
} from './reference-things.ts'

/** One account: what it was given, what it holds, what it used. */
export class ReferenceAccount {
  readonly answers = new Map<string, Answer>()
  readonly grants: Grant[] = []
  readonly holds: Hold[] = []
  readonly workflows: Workflow[] = []
  readonly usages: Usage[] = []
  readonly budgets = new ReferenceBudgets()
  /** Charged beyond all grants. */
  debt = 0n
  readonly #creditLimit: bigint
  readonly #debtLimit: bigint
  readonly #keys = new ReferenceKeys()
  readonly #documents = new Set<string>()
  #isFrozen = false
  #now: number
  /** When something last happened here: before that time it is never again. A refusal is nothing that happened. */
  #changedAt: number

  constructor({ creditLimit, debtLimit }: Operations['openAccount'], now: number) {
    this.#creditLimit = creditLimit
    this.#debtLimit = debtLimit
    this.#now = now
    this.#changedAt = now
  }

  get balance(): Credits {
    return microCredits(sum(this.grants.filter(({ state }) => state !== 'pending').map(({ left }) => left)) - this.debt)
  }

  get held(): Credits {
    return microCredits(sum(this.holds.map(({ left }) => left)))
  }

  get available(): Credits {
    return microCredits(this.balance - this.held)
  }

  do(operation: Exclude<Operation, { verb: 'openAccount' }>, now: number, prefixes: Set<string>): Outcome {
    // That a key was used is nothing that happens to the account: its holds and grants wait for that.
    if (operation.verb === 'noteKeyUse') return this.#keys.do(operation, now, prefixes, this.available)
    this.#now = Math.max(this.#changedAt, now)
    this.#letDueHappen()
    const outcome = this.#decide(operation, prefixes)
    if ('replayed' in outcome && operation.verb !== 'advance') this.#changedAt = this.#now
    return outcome
  }

  #decide(operation: Exclude<Operation, { verb: 'openAccount' }>, prefixes: Set<string>): Outcome {
    const { verb, input } = operation
    switch (verb) {
      case 'advance':
        return { status: 'advanced', replayed: false }
      case 'grant':
        return this.#grant(input)
      case 'revokeGrant':
        return this.#revokeGrant(input)
      case 'placeHold':
        return this.#placeHold(input)
      case 'extendHold':
        return this.#extendHold(input)
      case 'releaseHold':
        return this.#releaseHold(input)
      case 'settleHold':
        return this.#settleHold(input)
      case 'charge':
        return this.#charge(input)
      case 'refund':
        return this.#refund(input)
      case 'adjust':
        return this.#adjust(input)
      case 'openWorkflow':
        return this.#openWorkflow(input)
      case 'closeWorkflow':
        return this.#closeWorkflow(input)
      case 'setBudget':
        this.budgets.set(input, this.#now)
        return { status: 'set', budgetId: input.budgetId, replayed: false }
      case 'freezeAccount':
        this.#isFrozen = input.isFrozen
        return { status: 'set', isFrozen: input.isFrozen, replayed: false }
      case 'createApiKey':
      case 'rotateApiKey':
      case 'revokeApiKey':
      case 'setKeyServices':
        return this.#keys.do(operation, this.#now, prefixes, this.available)
      case 'saveDocument': {
        const name = `${input.kind} ${input.documentId}`
        if (this.#documents.has(name)) return exists(input.kind, input.documentId)
        this.#documents.add(name)
        return { status: 'saved', documentId: input.documentId, replayed: false }
      }
      default:
        throw new Error(`the reference does not know how to ${verb}`)
    }
  }

  /** Holds that nobody settled go back, grants begin, grants end. */
  #letDueHappen(): void {
    for (const hold of this.holds) {
      if (hold.state === 'open' && hold.expiresAt + hold.graceMs <= this.#now) this.#endHold(hold, 'expired')
    }
    for (const grant of this.grants.toSorted(byBurnOrder)) {
      if (grant.state === 'pending' && grant.begins <= this.#now) {
        grant.state = 'active'
        this.#changedAt = this.#now
        this.#repay(grant)
      }
      if (grant.state === 'active' && grant.ends !== undefined && grant.ends <= this.#now) this.#endGrant(grant)
    }
  }

  /** Whatever no hold has set aside is gone. */
  #endGrant(grant: Grant): bigint {
    // The end of a grant that is spent is no event.
    if (grant.left > 0n) this.#changedAt = this.#now
    const gone = grant.left - this.#pinned(grant.grantId)
    grant.left -= gone
    grant.state = 'ended'
    return gone
  }

  #repay(grant: Grant): Credits {
    if (grant.services) return microCredits(0n)
    const repaid = least(this.debt, grant.left)
    grant.left -= repaid
    this.debt -= repaid
    return repaid
  }

  #grant(input: Operations['grant']): Outcome {
    const { grantId, amount, effectiveAt = this.#now, expiresAt } = input
    if (this.grants.some((grant) => grant.grantId === grantId)) return exists('grant', grantId)
    const coming = sum(this.grants.filter(({ state }) => state === 'pending').map(({ left }) => left))
    if (this.balance + coming + amount > CREDITS_MAX) return { status: 'failed', code: 'AMOUNT_OUT_OF_RANGE', field: 'amount' }
    if (expiresAt !== undefined && expiresAt <= this.#now) {
      return { status: 'failed', code: 'INVALID_INPUT', field: 'expiresAt', problem: `is not in the future: ${expiresAt}` }
    }
    const grant: Grant = {
      grantId,
      left: amount,
      priority: input.priority,
      isPaid: input.source === 'purchase',
      services: input.services,
      begins: effectiveAt,
      ends: expiresAt,
      madeAt: this.#now,
      state: effectiveAt > this.#now ? 'pending' : 'active',
    }
    this.grants.push(grant)
    const repaid = grant.state === 'active' ? this.#repay(grant) : microCredits(0n)
    return { status: 'granted', grantId, amount, repaid, available: this.available, replayed: false }
  }

  #revokeGrant({ grantId }: Operations['revokeGrant']): Outcome {
    const grant = this.grants.find((each) => each.grantId === grantId)
    if (!grant) return missing('GRANT_NOT_FOUND', grantId)
    // One that is spent stays so: there is nothing to take back.
    const isOpen = grant.state !== 'ended' && grant.left > 0n
    return { status: 'revoked', grantId, amount: microCredits(isOpen ? this.#endGrant(grant) : 0n), replayed: false }
  }

  #pinned(grantId: string): bigint {
    return sum(this.holds.flatMap(({ pins }) => pins.filter((pin) => pin.grantId === grantId)).map(({ amount }) => amount))
  }

  #spendable(service: string): Grant[] {
    return this.grants
      .filter(({ state, services }) => state === 'active' && (!services || services.includes(service)))
      .sort(byBurnOrder)
  }

  /** The parts of grants, and at last of the credit line, that pay for `amount`. */
  #partsFor(service: string, amount: bigint): Part[] {
    const parts: Part[] = []
    let open = amount
    for (const { grantId, left } of this.#spendable(service)) {
      const part = least(open, left - this.#pinned(grantId))
      if (part > 0n) parts.push({ grantId, amount: part })
      open -= part
    }
    if (open > 0n) parts.push({ grantId: CREDIT_LINE, amount: open })
    return parts
  }

  #spend(parts: readonly Part[]): void {
    for (const { grantId, amount } of parts) {
      const grant = this.grants.find((each) => each.grantId === grantId)
      if (grant) grant.left -= amount
      else this.debt += amount
    }
  }

  /** What the account could pay for a service, with debt or without. */
  #free(service: string, withDebt: boolean): bigint {
    const limit = this.#creditLimit + (withDebt ? this.#debtLimit : 0n)
    const lots = sum(this.#spendable(service).map(({ grantId, left }) => left - this.#pinned(grantId)))
    const line = positive(limit - this.debt - this.#pinned(CREDIT_LINE))
    return least(lots + line, positive(this.available + limit))
  }

  /** A workflow and those above it. */
  #envelopes(workflowId: string | undefined): Workflow[] {
    const workflow = this.workflows.find((each) => each.workflowId === workflowId)
    return workflow ? [workflow, ...this.#envelopes(workflow.parentId)] : []
  }

  #isWithin(workflowId: string | undefined, envelope: Workflow): boolean {
    return this.#envelopes(workflowId).includes(envelope)
  }

  spent(envelope: Workflow): Credits {
    const within = this.usages.filter(({ workflowId }) => this.#isWithin(workflowId, envelope))
    return microCredits(sum(within.map(({ charged }) => charged)))
  }

  heldIn(envelope: Workflow): bigint {
    return sum(this.holds.filter(({ workflowId }) => this.#isWithin(workflowId, envelope)).map(({ left }) => left))
  }

  /** The ceilings over a workflow, from itself upwards. */
  #ceilings(workflowId: string | undefined): { workflowId: string; left: Credits }[] {
    return this.#envelopes(workflowId).flatMap((envelope) => {
      if (envelope.maxCredits === undefined) return []
      const left = positive(envelope.maxCredits - this.spent(envelope) - this.heldIn(envelope))
      return [{ workflowId: envelope.workflowId, left }]
    })
  }

  #affordable(work: Work, withDebt = false): Credits {
    const limits = [
      ...this.#ceilings(work.workflowId).map(({ left }) => left),
      ...this.budgets.limits(work, this.#now).map(({ left }) => left),
    ]
    if (this.#isFrozen) return microCredits(0n)
    return limits.reduce((a, b) => least(a, b), microCredits(this.#free(work.service, withDebt)))
  }

  #refusal(work: Work, requested: Credits): Refusal | undefined {
    const budget = this.budgets.tightest(work, this.#now)
    if (this.#isFrozen) return { status: 'refused', reason: 'account_frozen' }
    if (budget && budget.left < requested) {
      const { budgetId, limit, left: available, resetsAt } = budget
      return {
        status: 'refused',
        reason: 'budget_exceeded',
        budgetId,
        limit,
        available,
        requested,
        ...(resetsAt !== undefined && { resetsAt }),
      }
    }
    const ceiling = this.#ceilings(work.workflowId).reduce<{ workflowId: string; left: Credits } | undefined>(
      (tightest, each) => (tightest && tightest.left <= each.left ? tightest : each),
      undefined,
    )
    if (ceiling && ceiling.left < requested) {
      return { status: 'refused', reason: 'workflow_ceiling', workflowId: ceiling.workflowId, available: ceiling.left, requested }
    }
    const available = microCredits(this.#free(work.service, false))
    return available < requested ? this.#tooLittle(available, requested) : undefined
  }

  #tooLittle(available: Credits, requested: Credits) {
    return { status: 'refused', reason: 'insufficient_balance', available, requested } as const
  }

  /** New work as it counts, or why it may not begin. */
  #newWork({ service, workflowId, apiKeyId, userId }: Work): Work | Failure | Refusal {
    const [workflow] = this.#envelopes(workflowId)
    if (workflowId !== undefined && !workflow) return missing('WORKFLOW_NOT_FOUND', workflowId)
    const closed = this.#envelopes(workflowId).find(({ isClosed }) => isClosed)
    if (closed) return { status: 'refused', reason: 'workflow_closed', workflowId: closed.workflowId }
    return { service, workflowId, apiKeyId, userId: userId ?? workflow?.userId }
  }

  #placeHold(input: Operations['placeHold']): Outcome {
    const { holdId, amount, ttlMs, graceMs, provider, overage } = input
    if (this.holds.some((hold) => hold.holdId === holdId)) return exists('hold', holdId)
    const work = this.#newWork(input)
    if ('status' in work) return work
    const refusal = this.#refusal(work, amount)
    if (refusal) return refusal
    const pins = this.#partsFor(work.service, amount)
    const hold: Hold = {
      ...work,
      holdId,
      provider,
      overage,
      graceMs,
      left: amount,
      pins,
      state: 'open',
      takenAt: this.#now,
      expiresAt: this.#now + ttlMs,
    }
    this.holds.push(hold)
    this.budgets.count(work, this.#now, amount, holdId)
    return this.#heldOutcome(hold, input.unitPrice)
  }

  #heldOutcome(hold: Hold, unitPrice?: Credits): Outcome {
    const affordable = this.#affordable(hold)
    return {
      status: 'held',
      holdId: hold.holdId,
      amount: microCredits(hold.left),
      expiresAt: hold.expiresAt,
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

  #extendHold({ holdId, amount, ttlMs }: Operations['extendHold']): Outcome {
    const hold = this.#openHold(holdId)
    if ('status' in hold) return hold
    const more = microCredits((amount ?? hold.left) - hold.left)
    if (more > 0n) {
      const refusal = this.#refusal(hold, more)
      if (refusal) return refusal
      hold.pins.push(...this.#partsFor(hold.service, more))
      hold.left += more
      this.budgets.count(hold, this.#now, more, holdId)
    } else this.#giveBack(hold, -more)
    if (ttlMs !== undefined) hold.expiresAt = this.#now + ttlMs
    return this.#heldOutcome(hold)
  }

  #releaseHold({ holdId }: Operations['releaseHold']): Outcome {
    const hold = this.#openHold(holdId)
    if ('status' in hold) return hold
    const amount = microCredits(hold.left)
    this.#endHold(hold, 'released')
    return { status: 'released', holdId, amount, replayed: false }
  }

  #endHold(hold: Hold, state: Hold['state']): void {
    this.#changedAt = this.#now
    this.#giveBack(hold, hold.left)
    hold.state = state
  }

  /** Takes `amount` off a hold, the last pinned first. What came from a grant that has ended goes with it. */
  #giveBack(hold: Hold, amount: bigint): void {
    hold.left -= amount
    for (const { grantId, amount: part } of takeLast(hold.pins, amount)) {
      const grant = this.grants.find((each) => each.grantId === grantId)
      if (grant?.state === 'ended') grant.left -= part
    }
    this.budgets.uncount(hold.holdId, amount)
  }

  /** What is due for more usage of a line: the whole of it rounded up once, less what it was billed before. */
  #due(line: readonly Usage[], { rated, roundingStep }: RatedUsage): bigint {
    const whole = sum(line.map((usage) => usage.rated)) + rated
    const rounded = whole % roundingStep === 0n ? whole : (whole / roundingStep + 1n) * roundingStep
    return positive(rounded - sum(line.map(({ charged, shortfall }) => charged + shortfall)))
  }

  #lineOf(work: Work, unit: string): Usage[] {
    if (work.workflowId === undefined) return []
    const { workflowId, service, provider } = work
    return this.usages.filter(
      (usage) =>
        usage.workflowId === workflowId && usage.service === service && usage.provider === provider && usage.unit === unit,
    )
  }

  #settleHold({ holdId, usageId, usage, provider, final }: Operations['settleHold']): Outcome {
    const hold = this.holds.find((each) => each.holdId === holdId)
    if (!hold) return missing('HOLD_NOT_FOUND', holdId)
    if (hold.state === 'settled') return { status: 'refused', reason: 'hold_not_open', holdId, state: 'settled' }
    if (this.usages.some((each) => each.usageId === usageId)) return exists('usage record', usageId)
    const work = { ...hold, provider: provider ?? hold.provider }
    const isLate = hold.state !== 'open'
    const line =
      work.workflowId === undefined ? this.usages.filter((each) => each.holdId === holdId) : this.#lineOf(work, usage.unit)

    const due = this.#due(line, usage)
    const covered = least(due, hold.left)
    const excess = microCredits(due - covered)
    const refusal = excess > 0n && hold.overage === 'reject' ? this.#refusal(work, excess) : undefined
    if (refusal) return refusal
    const more = least(excess, this.#affordable(work, hold.overage === 'debt'))

    const drawn = takeFirst(hold.pins, covered)
    hold.left -= covered
    this.#spend(drawn)
    const beyond = this.#partsFor(work.service, more)
    this.#spend(beyond)
    this.budgets.count(work, this.#now, more)
    const record = this.#record(work, usageId, usage, covered + more, excess - more, [...drawn, ...beyond], hold)
    if (final && !isLate) this.#endHold(hold, 'settled')
    return this.#chargedOutcome(record, microCredits(this.#affordable(hold) + hold.left), isLate)
  }

  #charge(input: Operations['charge']): Outcome {
    const { usageId, usage, overage, provider } = input
    if (this.usages.some((each) => each.usageId === usageId)) return exists('usage record', usageId)
    const found = this.#newWork(input)
    if ('status' in found) return found
    const work = { ...found, provider }
    const due = microCredits(this.#due(this.#lineOf(work, usage.unit), usage))
    const refusal = due > 0n && overage === 'reject' ? this.#refusal(work, due) : undefined
    if (refusal) return refusal
    const charged = least(due, this.#affordable(work, overage === 'debt'))
    const parts = this.#partsFor(work.service, charged)
    this.#spend(parts)
    this.budgets.count(work, this.#now, charged)
    const record = this.#record(work, usageId, usage, charged, due - charged, parts)
    return this.#chargedOutcome(record, this.#affordable(work), false)
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
    const takenAt = hold?.takenAt ?? this.#now
    const facts = { service, provider, workflowId, apiKeyId, userId, unit, quantity, rated, cost, takenAt, holdId: hold?.holdId }
    const record: Usage = { ...facts, usageId, charged, shortfall, parts }
    this.usages.push(record)
    return record
  }

  #chargedOutcome({ usageId, charged, shortfall }: Usage, affordable: Credits, late: boolean): Outcome {
    const amounts = { charged: microCredits(charged), shortfall: microCredits(shortfall) }
    return {
      status: 'charged',
      usageId,
      ...amounts,
      balance: this.balance,
      available: this.available,
      affordable,
      late,
      replayed: false,
    }
  }

  /** A record together with its corrections, or why it cannot be corrected. */
  #correctable(usageId: string, correctionId: string): Failure | Usage {
    const record = this.usages.find((each) => each.usageId === usageId)
    if (!record) return missing('USAGE_NOT_FOUND', usageId)
    if (record.corrects !== undefined) {
      const problem = `names a correction of ${record.corrects}: correct that one`
      return { status: 'failed', code: 'INVALID_INPUT', field: 'usageId', problem }
    }
    if (this.usages.some((each) => each.usageId === correctionId)) return exists('usage record', correctionId)
    const all = [record, ...this.usages.filter(({ corrects }) => corrects === usageId)]
    const parts = record.parts.map((part) => ({ ...part }))
    for (const correction of all.slice(1)) {
      for (const { grantId, amount } of correction.parts) {
        if (amount > 0n) parts.push({ grantId, amount })
        else
          takeLast(
            parts.filter((part) => part.grantId === grantId),
            -amount,
          )
      }
    }
    return {
      ...record,
      rated: microCredits(sum(all.map(({ rated }) => rated))),
      charged: sum(all.map(({ charged }) => charged)),
      shortfall: sum(all.map(({ shortfall }) => shortfall)),
      parts: parts.filter(({ amount }) => amount > 0n),
    }
  }

  #refund({ usageId, correctionId, amount }: Operations['refund']): Outcome {
    const now = this.#correctable(usageId, correctionId)
    if ('status' in now) return now
    const requested = amount ?? microCredits(now.charged)
    if (requested > now.charged || now.charged <= 0n) {
      return { status: 'refused', reason: 'refund_exceeds_charge', usageId, refundable: positive(now.charged), requested }
    }
    // What could not be taken stays rated, and no more than what is given back stops being so.
    const rated = requested === now.charged || now.rated - requested < now.shortfall ? now.shortfall : now.rated - requested
    this.#payBack(now, requested, correctionId)
    return this.#corrected(now, correctionId, { rated: rated - now.rated, charged: -requested, shortfall: 0n })
  }

  #adjust({ usageId, correctionId, charge, overage }: Operations['adjust']): Outcome {
    const now = this.#correctable(usageId, correctionId)
    if ('status' in now) return now
    const rated = charge === undefined ? 0n : charge - now.rated
    const due = microCredits((charge ?? now.charged + now.shortfall) - now.charged - now.shortfall)
    if (due <= 0n) {
      // Lower: what was never taken is forgotten first.
      const forgotten = least(now.shortfall, -due)
      this.#payBack(now, -due - forgotten, correctionId)
      return this.#corrected(now, correctionId, { rated, charged: due + forgotten, shortfall: -forgotten })
    }
    const refusal = overage === 'reject' ? this.#refusal(now, due) : undefined
    if (refusal) return refusal
    const charged = least(due, this.#affordable(now, overage === 'debt'))
    const parts = this.#partsFor(now.service, charged)
    this.#spend(parts)
    this.budgets.count(now, this.#now, charged)
    return this.#corrected(now, correctionId, { rated, charged, shortfall: due - charged }, parts)
  }

  #corrected(
    record: Usage,
    correctionId: string,
    change: { rated: bigint; charged: bigint; shortfall: bigint },
    parts: Part[] = takeLast(
      record.parts.map((part) => ({ ...part })),
      positive(-change.charged),
    ).map(negative),
  ): Outcome {
    const difference = { ...change, rated: microCredits(change.rated), quantity: microUnits(0n), cost: undefined }
    this.usages.push({ ...record, ...difference, usageId: correctionId, corrects: record.usageId, holdId: undefined, parts })
    return {
      status: 'corrected',
      correctionId,
      usageId: record.usageId,
      refunded: microCredits(-change.charged),
      shortfall: microCredits(change.shortfall),
      balance: this.balance,
      replayed: false,
    }
  }

  /** To where it came from, the last drawn first; as a new grant where that is gone. */
  #payBack(record: Usage, amount: bigint, correctionId: string): void {
    const parts = takeLast(
      record.parts.map((part) => ({ ...part })),
      amount,
    )
    for (const [index, { grantId, amount: part }] of parts.entries()) {
      const grant = this.grants.find((each) => each.grantId === grantId)
      if (grant && grant.state !== 'ended') {
        grant.left += part
        continue
      }
      const repaid = grant ? 0n : least(part, this.debt)
      this.debt -= repaid
      if (part === repaid) continue
      const facts = {
        priority: grant?.priority ?? 100,
        services: grant?.services,
        isPaid: false,
        begins: this.#now,
        madeAt: this.#now,
      }
      this.grants.push({
        ...facts,
        grantId: `refund:${correctionId}:${index + 1}`,
        left: part - repaid,
        ends: undefined,
        state: 'active',
      })
    }
    this.budgets.giveBack(record, record.takenAt, this.#now, amount)
  }

  #openWorkflow({ workflowId, parentId, maxCredits, userId }: Operations['openWorkflow']): Outcome {
    if (this.workflows.some((each) => each.workflowId === workflowId)) return exists('workflow', workflowId)
    const parent = this.workflows.find((each) => each.workflowId === parentId)
    if (parentId !== undefined && !parent) return missing('WORKFLOW_NOT_FOUND', parentId)
    const closed = this.#envelopes(parentId).find(({ isClosed }) => isClosed)
    if (closed) return { status: 'refused', reason: 'workflow_closed', workflowId: closed.workflowId }
    this.workflows.push({ workflowId, parentId, maxCredits, userId, openedAt: this.#now, closedAt: this.#now, isClosed: false })
    return { status: 'opened', workflowId, replayed: false }
  }

  #closeWorkflow({ workflowId }: Operations['closeWorkflow']): Outcome {
    const workflow = this.workflows.find((each) => each.workflowId === workflowId)
    if (!workflow) return missing('WORKFLOW_NOT_FOUND', workflowId)
    if (!workflow.isClosed) {
      for (const hold of this.holds) if (hold.state === 'open' && hold.workflowId === workflowId) this.#endHold(hold, 'released')
      workflow.isClosed = true
      workflow.closedAt = this.#now
    }
    const durationMs = workflow.closedAt - workflow.openedAt
    return { status: 'closed', workflowId, spent: this.spent(workflow), durationMs, replayed: false }
  }
}

type Work = Spender & { workflowId?: string; provider?: string }

function missing(code: Extract<Failure, { code: `${string}_NOT_FOUND` }>['code'], id: string): Failure {
  return { status: 'failed', code, id }
}

function exists(what: string, id: string): Failure {
  return { status: 'failed', code: 'ALREADY_EXISTS', what, id }
}

function negative({ grantId, amount }: Part): Part {
  return { grantId, amount: -amount }
}

/** Takes `amount` off the front of `parts`, and returns what was taken. */
function takeFirst(parts: Part[], amount: bigint): Part[] {
  const taken: Part[] = []
  for (let open = amount; open > 0n; ) {
    const [part] = parts
    if (!part) throw new Error('fewer parts than their sum')
    const take = least(open, part.amount)
    taken.push({ grantId: part.grantId, amount: take })
    part.amount -= take
    if (part.amount === 0n) parts.shift()
    open -= take
  }
  return taken
}

/** The same from the end, the last first. */
function takeLast(parts: Part[], amount: bigint): Part[] {
  parts.reverse()
  const taken = takeFirst(parts, amount)
  parts.reverse()
  return taken
}
