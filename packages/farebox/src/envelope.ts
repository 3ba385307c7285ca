import { isFareboxError } from '@farebox/core'
import {
  type ChargeInput,
  type ChargeOutcome,
  InvalidInputError,
  type Ledger,
  type NewWorkflow,
  type OpenWorkflowInput,
  type PlaceHoldInput,
  type PlaceHoldOutcome,
  type SettleHoldInput,
  type SettleHoldOutcome,
} from '@farebox/ledger'
import { errorOfRefusal, WorkflowClosedError } from './errors.ts'
import { release } from './hold-route.ts'

/** The options of an envelope. */
export interface EnvelopeOptions {
  opens: OpenWorkflowInput & { workflowId: string }
  /** Whether the ledger has the workflow already. */
  isOpened: boolean
  /** Whether the workflow is for a single call, and so closes with that call's charge. */
  isOneCall: boolean
  /** Whether it takes no more work. */
  isOver: boolean
}

/**
 * A workflow's entry in the ledger. Its first hold or charge opens it in the same write, and the charge of a single-call workflow
 * closes it. This saves journal rows and transactions, each of which flushes the disk.
 */
export class Envelope {
  readonly #ledger: Ledger
  readonly #opens: OpenWorkflowInput & { workflowId: string }
  /** Opens the workflow along with its first hold or charge. Absent if it must be opened before. */
  readonly #opensWorkflow: NewWorkflow | undefined
  readonly #isOneCall: boolean
  #opening: Promise<void> | undefined
  /** Pending writes that open the workflow. */
  readonly #underWay = new Set<Promise<unknown>>()
  #isOpen: boolean
  #isClosed = false
  #isOver: boolean

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

  /** Whether the workflow is in the ledger, or is about to be. */
  get isOpened(): boolean {
    return this.#isOpen || this.#opening !== undefined || this.#underWay.size > 0
  }

  /** Opens the workflow, unless it is open. */
  async open(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    if (this.#isOpen) return
    this.#mustGoOn()
    this.#opening ??= this.#open().finally(() => {
      // A failed attempt may succeed later.
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
    if (!this.#isOneCall || input.final === false) return this.#ledger.settleHold(input)
    const outcome = await this.#ledger.settleHold({ ...input, closesWorkflow: true })
    if (outcome.status === 'charged') this.#isClosed = true
    return outcome
  }

  /** Closes the workflow, unless its charge did. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    const { accountId, workflowId } = this.#opens
    await this.#ledger.closeWorkflow({ accountId, workflowId })
  }

  /** Makes an unused workflow refuse all further work. */
  abandon(): void {
    this.#isOver = true
  }

  /** @throws {WorkflowClosedError} the workflow was abandoned: nothing would close it */
  #mustGoOn(): void {
    if (this.#isOver) throw new WorkflowClosedError('the workflow ended before its first use')
  }

  async #open(): Promise<void> {
    const outcome = await this.#ledger.openWorkflow(this.#opens).catch(async (error: unknown) => {
      if (!isFareboxError(error) || error.code !== 'ALREADY_EXISTS' || !(await this.#isSame())) throw error
      return undefined
    })
    if (outcome?.status === 'refused') throw errorOfRefusal(outcome)
    this.#isOpen = true
  }

  /** Whether the workflow in the ledger is the same one, opened by a hold of another `Workflow` of this id. */
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
    } catch (error) {
      throw ofWorkflow(error)
    } finally {
      this.#underWay.delete(change)
    }
  }

  /**
   * Requests both at once, in this order, so that the ledger writes them in one transaction. A failure to open takes precedence.
   */
  async #openAndHold(hold: PlaceHoldInput): Promise<PlaceHoldOutcome> {
    const [opened, held] = await Promise.allSettled([this.open(), this.#ledger.placeHold(hold)])
    if (opened.status === 'rejected') {
      if (held.status === 'fulfilled' && held.value.status === 'held') await release({ ledger: this.#ledger }, hold, held.value)
      throw opened.reason
    }
    if (held.status === 'rejected') throw held.reason
    return held.value
  }
}

const OPENS = 'opensWorkflow.'

/** Where a property of the workflow is wrong, names it as its owner does, who gave it to no hold or charge. */
function ofWorkflow(error: unknown): unknown {
  if (!(error instanceof InvalidInputError && error.field.startsWith(OPENS))) return error
  return new InvalidInputError(error.field.slice(OPENS.length), error.message.slice(error.field.length + 1))
}
