import { isFareboxError } from '@farebox/core'
import {
  type ChargeInput,
  type ChargeOutcome,
  type Ledger,
  type NewWorkflow,
  type OpenWorkflowInput,
  type PlaceHoldInput,
  type PlaceHoldOutcome,
  type SettleHoldInput,
  type SettleHoldOutcome,
  UsageSpooledError,
} from '@farebox/ledger'
import { errorOfRefusal, WorkflowClosedError } from './errors.ts'

/** What an envelope is opened with, and how it is used. */
export interface EnvelopeOptions {
  opens: OpenWorkflowInput & { workflowId: string }
  /** Whether it is in the ledger already. */
  isOpened: boolean
  /** Whether it is for one call alone, and so closes with the call's charge. */
  isOneCall: boolean
  /** Whether it takes no more work. */
  isOver: boolean
}

/**
 * A workflow as the ledger has it. Its first hold or charge opens it, and where it is for one call alone, the charge closes it, in the same
 * change: each change costs a row in the journal, and each transaction a flush of the disk.
 */
export class Envelope {
  readonly #ledger: Ledger
  readonly #opens: OpenWorkflowInput & { workflowId: string }
  /** What its first hold or charge opens it with; absent where it must be opened before. */
  readonly #opensWorkflow: NewWorkflow | undefined
  readonly #isOneCall: boolean
  #opening: Promise<void> | undefined
  /** Changes under way that open it. */
  readonly #underWay = new Set<Promise<unknown>>()
  #isOpen: boolean
  #isClosed = false
  #isOver: boolean
  /** Whether charges of it may wait in the spool. */
  #isSpooled = false

  constructor(ledger: Ledger, { opens, isOpened, isOneCall, isOver }: EnvelopeOptions) {
    this.#ledger = ledger
    this.#opens = opens
    this.#isOpen = isOpened
    this.#isOneCall = isOneCall
    this.#isOver = isOver
    const { name, businessAdapter, userId, apiKeyId, maxCredits, reserve, idempotencyKey } = opens
    const isPlain = reserve === undefined && idempotencyKey === undefined
    this.#opensWorkflow = isPlain ? { name, businessAdapter, userId, apiKeyId, maxCredits } : undefined
  }

  /** Whether it is in the ledger, or may be in a moment. */
  get isOpened(): boolean {
    return this.#isOpen || this.#opening !== undefined || this.#underWay.size > 0
  }

  /** Opens it, unless it is open. */
  async open(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    if (this.#isOpen) return
    this.#mustGoOn()
    this.#opening ??= this.#open().finally(() => {
      // Where it failed it may be possible a moment later.
      this.#opening = undefined
    })
    await this.#opening
  }

  async placeHold(input: Omit<PlaceHoldInput, 'workflowId' | 'opensWorkflow'>): Promise<PlaceHoldOutcome> {
    const { workflowId } = this.#opens
    const hold = { ...input, workflowId }
    if (this.#isOpen) return this.#ledger.placeHold(hold)
    this.#mustGoOn()
    if (!this.#opensWorkflow) return this.#openAndHold(hold)
    return this.#openWith(this.#ledger.placeHold({ ...hold, opensWorkflow: this.#opensWorkflow }))
  }

  async charge(input: Omit<ChargeInput, 'workflowId' | 'opensWorkflow'>): Promise<ChargeOutcome> {
    const { workflowId } = this.#opens
    if (!this.#isOpen) this.#mustGoOn()
    if (!this.#isOpen && !this.#opensWorkflow) await this.open()
    const charge = { ...input, workflowId }
    if (this.#isOpen || !this.#opensWorkflow) return this.#ledger.charge(charge)
    return this.#openWith(this.#ledger.charge({ ...charge, opensWorkflow: this.#opensWorkflow }))
  }

  async settleHold(input: SettleHoldInput): Promise<SettleHoldOutcome> {
    if (!this.#isOneCall || input.final === false) return this.#settle(input)
    const outcome = await this.#settle({ ...input, closesWorkflow: true })
    if (outcome.status === 'charged') this.#isClosed = true
    return outcome
  }

  /** Closes it, unless its charge did. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    const { accountId, workflowId } = this.#opens
    // Its charges come before its end and its receipt, if the database is back.
    if (this.#isSpooled) await this.#ledger.sendSpooled().catch(() => undefined)
    await this.#ledger.closeWorkflow({ accountId, workflowId })
  }

  /** Takes no more work, if it was never used. */
  abandon(): void {
    this.#isOver = true
  }

  /** @throws {WorkflowClosedError} whoever would close it is gone */
  #mustGoOn(): void {
    if (this.#isOver) throw new WorkflowClosedError('the workflow ended before its first use')
  }

  #settle(input: SettleHoldInput): Promise<SettleHoldOutcome> {
    return this.#ledger.settleHold(input).catch((error: unknown) => {
      if (error instanceof UsageSpooledError) this.#isSpooled = true
      throw error
    })
  }

  async #open(): Promise<void> {
    const outcome = await this.#ledger.openWorkflow(this.#opens).catch(async (error: unknown) => {
      if (!isFareboxError(error) || error.code !== 'ALREADY_EXISTS' || !(await this.#isSame())) throw error
      return undefined
    })
    if (outcome?.status === 'refused') throw errorOfRefusal(outcome)
    this.#isOpen = true
  }

  /** Whether the one that is there is this one, opened by a hold of another `Workflow` of the same id. */
  async #isSame(): Promise<boolean> {
    if (!this.#opensWorkflow) return false
    const { accountId, workflowId, name, businessAdapter = null, userId = null, apiKeyId = null, maxCredits = null } = this.#opens
    const said = { name, businessAdapter, userId, apiKeyId, maxCredits, parentId: null, reserve: null }
    const there = await this.#ledger.workflow(accountId, workflowId)
    return Object.entries(said).every(([field, value]) => there[field as keyof typeof said] === value)
  }

  async #openWith<Outcome extends { status: string }>(change: Promise<Outcome>): Promise<Outcome> {
    this.#underWay.add(change)
    try {
      const outcome = await change
      if (outcome.status !== 'refused') this.#isOpen = true
      return outcome
    } finally {
      this.#underWay.delete(change)
    }
  }

  /** Asked for at once, in this order, both are written in one transaction. Where it cannot be opened, that is the reason. */
  async #openAndHold(hold: PlaceHoldInput): Promise<PlaceHoldOutcome> {
    const [opened, held] = await Promise.allSettled([this.open(), this.#ledger.placeHold(hold)])
    if (opened.status === 'rejected') {
      const { accountId } = hold
      // If even this fails, the hold goes back by itself when its time is up.
      if (held.status === 'fulfilled' && held.value.status === 'held') {
        await this.#ledger.releaseHold({ accountId, holdId: held.value.holdId }).catch(() => undefined)
      }
      throw opened.reason
    }
    if (held.status === 'rejected') throw held.reason
    return held.value
  }
}
