import { hash } from 'node:crypto'
import { type Credits, checkOptionNames, checkOptionType, credits, InvalidOptionError } from '@farebox/core'
import { apiKeyHash, apiKeyPrefix, newApiKeySecret } from './api-key-secret.ts'
import {
  checkAmount,
  checkAmountOrZero,
  checkBody,
  checkCost,
  checkFlag,
  checkInteger,
  checkKeyServices,
  checkKnownId,
  checkLinesSoFar,
  checkNewId,
  checkNewWorkflow,
  checkOneOf,
  checkOpening,
  checkOptionalText,
  checkPercents,
  checkRollover,
  checkService,
  checkServices,
  checkSpan,
  checkText,
  checkTexts,
  checkTime,
  checkTimeZone,
  checkUsage,
  escapeSeparators,
  TEXT_MAX,
} from './check-input.ts'
import { CommitQueue, type CommitQueueOptions } from './commit-queue.ts'
import type { LedgerDriver } from './driver.ts'
import { errorOf, InvalidInputError, LedgerClosedError, LedgerUnavailableError, UsageSpooledError } from './errors.ts'
import { LedgerHistory } from './history.ts'
import type {
  AdjustInput,
  CancelTopUpInput,
  ChargebackInput,
  ChargeInput,
  CloseWorkflowInput,
  CreateApiKeyInput,
  ExtendHoldInput,
  FreezeAccountInput,
  GrantInput,
  Mutation,
  OpenAccountInput,
  OpenWorkflowInput,
  OverwriteDocumentsInput,
  PlaceHoldInput,
  RefundInput,
  ReleaseHoldInput,
  RevokeApiKeyInput,
  RevokeGrantInput,
  RotateApiKeyInput,
  SaveDocumentInput,
  SetAlertsInput,
  SetBudgetInput,
  SetKeyServicesInput,
  SettleHoldInput,
} from './inputs.ts'
import type { KeyUse } from './key-uses.ts'
import { checkFields } from './known-fields.ts'
import { LostHolds } from './lost-holds.ts'
import { revocationKeyOf } from './machine/grants.ts'
import type { MigrationPlan, MigrationReport } from './migrations.ts'
import { newId } from './new-id.ts'
import type { Operation, Operations, Outcome, Outcomes, Verb } from './operations.ts'
import type {
  AdjustOutcome,
  CancelTopUpOutcome,
  ChargebackOutcome,
  ChargeOutcome,
  CloseWorkflowOutcome,
  CreateApiKeyOutcome,
  ExtendHoldOutcome,
  FreezeAccountOutcome,
  GrantOutcome,
  OpenAccountOutcome,
  OpenWorkflowOutcome,
  PlaceHoldOutcome,
  RefundOutcome,
  ReleaseHoldOutcome,
  RevokeApiKeyOutcome,
  RevokeGrantOutcome,
  RotateApiKeyOutcome,
  SaveDocumentOutcome,
  SetAlertsOutcome,
  SetBudgetOutcome,
  SetKeyServicesOutcome,
  SettleHoldOutcome,
} from './outcomes.ts'
import { ProviderHealth } from './provider-health.ts'
import type { QueueStats } from './queue-watch.ts'
import { LedgerReader } from './reader.ts'
import { budgetPeriods, grantSources, overagePolicies } from './rows.ts'
import type { UsageOperation } from './spool/operation-json.ts'
import { mayKeep, type SpoolReport, UsageSpool, type UsageSpoolOptions } from './spool/usage-spool.ts'

/** Settings of a {@link Ledger}: its queue, its spool and its events. Every one is optional. */
export interface LedgerOptions extends CommitQueueOptions {
  /**
   * Keeps usage on disk while the database is unavailable or overloaded. `settleHold` and `charge` then throw
   * {@link UsageSpooledError}, and the usage is charged once when the database is back. New holds still fail.
   * @defaultValue none: the failure is thrown
   */
  spool?: UsageSpoolOptions
  /** Whether to emit an event for each workflow that closes, at the cost of one more row per workflow. @defaultValue false */
  closedWorkflowEvents?: boolean
  /** The available balance, without credit line, that an account needs to create an API key. @defaultValue 5_000 credits */
  minimumCreditsForApiKey?: Credits
}

const known: Record<keyof LedgerOptions, true> = {
  spool: true,
  closedWorkflowEvents: true,
  minimumCreditsForApiKey: true,
  batchMax: true,
  waitingMax: true,
  onCommit: true,
}

/** Options that every verb takes besides its input. */
export interface CallOptions<Transaction> {
  /** An open transaction of the host, so that the host's rows and this change commit together or not at all. */
  transaction?: Transaction
}

/** Longer than most calls, but short enough that a crash does not tie up credits for long. */
const HOLD_TTL_MS = 300_000
const HOLD_GRACE_MS = 60_000
/** Long enough for the pauses in a telephone call: each hold under the workflow renews the reserve. */
const RESERVE_TTL_MS = 3_600_000
const GRANT_PRIORITY = 100
const MINIMUM_CREDITS_FOR_API_KEY = credits(5_000)
const ALERTS_AT_PERCENT = [80, 100]
/** Long enough to roll out a new secret to every server that uses the old one. */
const ROTATION_GRACE_MS = 86_400_000

/**
 * Keeps accounts of prepaid credits: grants add them, holds set them aside, charges spend them. Every verb is one atomic change.
 * It is durable when its promise resolves, and safe to repeat under the same idempotency key.
 *
 * @example
 * const ledger = new Ledger(sqlite({ filename: 'credits.db' }))
 * await ledger.migrate()
 * const { accountId } = await ledger.openAccount({ name: 'Ada' })
 * await ledger.grant({ accountId, amount: credits(1000) })
 */
export class Ledger<Transaction = unknown> extends LedgerReader {
  /** Shares the health of providers among the processes that use this database. */
  readonly health: ProviderHealth
  /** Reads what happened, for exports and for consumers that follow the ledger. */
  readonly history: LedgerHistory
  readonly #driver: LedgerDriver<Transaction>
  readonly #queue: CommitQueue
  readonly #minimumCreditsForApiKey: Credits
  readonly #announces: boolean
  readonly #spool: UsageSpool | undefined
  /** Changes under way that wait for the spool, or may have to go there. The queue does not know them yet, or any more. */
  readonly #spooling = new Set<Promise<unknown>>()
  readonly #lostHolds = new LostHolds((hold) => this.releaseHold(hold))
  #isClosing = false

  /** @throws {InvalidOptionError} `driver` is none, or an option is unknown or not what {@link LedgerOptions} says */
  constructor(driver: LedgerDriver<Transaction>, options: LedgerOptions = {}) {
    super(driver)
    if (typeof driver !== 'object' || driver === null) {
      const problem = `must be what sqlite({ filename }) or postgres({ connectionString }) returns, received ${typeof driver}`
      throw new InvalidOptionError(`the driver of a Ledger ${problem}`)
    }
    checkOptionNames(options, known, 'Ledger')
    checkOptionType('closedWorkflowEvents', options.closedWorkflowEvents, 'boolean')
    checkOptionType('onCommit', options.onCommit, 'function')
    this.health = new ProviderHealth(driver)
    this.history = new LedgerHistory(driver)
    this.#driver = driver
    this.#queue = new CommitQueue(driver as LedgerDriver, options)
    const { spool } = options
    // One of false, or blank, would keep no usage.
    if (spool !== undefined && spool !== null) this.#spool = new UsageSpool(spool, (operation) => this.#queue.submit(operation))
    this.#announces = options.closedWorkflowEvents ?? false
    this.#minimumCreditsForApiKey = checkMinimum(options.minimumCreditsForApiKey ?? MINIMUM_CREDITS_FOR_API_KEY)
  }

  /** Brings the database's tables up to date. Safe to call at every start, from every process. */
  async migrate(): Promise<MigrationReport> {
    const report = await this.#driver.migrate()
    this.#spool?.sendSoon()
    return report
  }

  /**
   * Sends the usage that was spooled while the database was unavailable. The ledger also does this by itself, after `migrate` and
   * for as long as usage is waiting. A file that cannot be read stays in the spool, and its error is thrown after the rest was
   * sent. Final settlements stay too until it is gone, since it may be an earlier part of their hold.
   */
  async sendSpooled(): Promise<SpoolReport> {
    return this.#spool?.send() ?? { sent: 0, refused: 0, waiting: 0 }
  }

  /**
   * The charges of a workflow that wait in the spool of this machine, oldest first. The ledger has no record of them yet, unless they
   * are being sent. One that was told repeatedly may be there as often.
   */
  async spooledCharges(accountId: string, workflowId: string): Promise<Operations['charge'][]> {
    return (await this.#spool?.chargesOf(accountId, workflowId)) ?? []
  }

  /** How many usage records are waiting in the spool of this machine. */
  async spooled(): Promise<number> {
    return (await this.#spool?.waiting()) ?? 0
  }

  /** Tells how many changes are waiting for the database now, and how long changes have waited so far, for a metrics page. */
  queueStats(): QueueStats {
    return this.#queue.stats()
  }

  /**
   * Tells what {@link migrate} would do, without changing anything. It does not even create a missing SQLite file.
   *
   * @throws {SchemaVersionError} the database is newer than this code, or a migration that it has applied was edited since
   */
  planMigration(): Promise<MigrationPlan> {
    return this.#driver.planMigration()
  }

  /**
   * Checks that the database answers. If the last change failed, checks that it accepts writes too: a database that is full or
   * read-only still answers queries.
   *
   * @throws {LedgerUnavailableError} the database does not answer, or still refuses writes
   * @throws {LedgerClosedError} the ledger was closed
   */
  override async ping(): Promise<void> {
    await super.ping()
    if (!this.#queue.isFailing) return
    await this.health.tryToWrite()
    this.#queue.recovered()
  }

  /**
   * Takes no more holds and reserves, because the work that they pay for could not be charged. Then it writes when keys were last
   * used, waits for the changes in progress, and closes what the ledger opened.
   */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#lostHolds.close()
    await this.closeKeys()
    await Promise.allSettled(this.#spooling)
    await this.#spool?.close()
    await this.#queue.close()
    // What the database could not take is being written to the spool.
    await Promise.allSettled(this.#spooling)
    await this.#driver.close()
  }

  /** Opens an account with an empty balance. */
  async openAccount(input: OpenAccountInput, call?: CallOptions<Transaction>): Promise<OpenAccountOutcome> {
    checkFields('openAccount', input, call)
    const accountId = input.accountId ?? newId('openAccount', '', input.idempotencyKey)
    const fields = {
      name: checkText('name', input.name),
      creditLimit: checkAmountOrZero('creditLimit', input.creditLimit ?? 0n),
      debtLimit: checkAmountOrZero('debtLimit', input.debtLimit ?? 0n),
    }
    return this.#change('openAccount', { ...input, accountId }, `openAccount:${accountId}`, fields, call)
  }

  /**
   * Adds credits to an account. A grant for every service first repays the account's debt. A grant restricted to some services
   * repays nothing, and the debt keeps reducing what may be spent.
   */
  async grant(input: GrantInput, call?: CallOptions<Transaction>): Promise<GrantOutcome> {
    checkFields('grant', input, call)
    const grantId = checkNewId('grantId', input.grantId ?? newId('grant', input.accountId, input.idempotencyKey))
    const effectiveAt = input.effectiveAt === undefined ? undefined : checkTime('effectiveAt', input.effectiveAt)
    const expiresAt = input.expiresAt === undefined ? undefined : checkTime('expiresAt', input.expiresAt)
    if (effectiveAt !== undefined && expiresAt !== undefined && expiresAt <= effectiveAt) {
      throw new InvalidInputError('expiresAt', 'must be later than effectiveAt')
    }
    const fields = {
      grantId,
      amount: checkAmount('amount', input.amount),
      source: checkOneOf('source', input.source ?? 'purchase', grantSources),
      priority: checkInteger('priority', input.priority ?? GRANT_PRIORITY),
      effectiveAt,
      expiresAt,
      services: input.services === undefined ? undefined : checkServices('services', input.services),
      topUpId: checkOptionalText('topUpId', input.topUpId),
      rollover: input.rollover === undefined ? undefined : checkRollover(input.rollover, expiresAt),
    }
    return this.#change('grant', input, input.grantId === undefined ? null : `grant:${grantId}`, fields, call)
  }

  /**
   * Sets credits aside before work starts, or refuses and says why. A hold that is neither settled nor extended is given back
   * once `ttlMs` plus `graceMs` have passed. One that may have been placed, but whose outcome the database could not tell, is given
   * back when it answers again: unless it has an id or an idempotency key, under which it can be asked for again.
   */
  async placeHold(input: PlaceHoldInput, call?: CallOptions<Transaction>): Promise<PlaceHoldOutcome> {
    checkFields('placeHold', input, call)
    if (this.#isClosing) throw new LedgerClosedError('the ledger is closed')
    const holdId = checkNewId('holdId', input.holdId ?? newId('placeHold', input.accountId, input.idempotencyKey))
    const fields = {
      holdId,
      amount: checkAmount('amount', input.amount),
      service: checkService('service', input.service),
      provider: checkText('provider', input.provider),
      workflowId: checkOptionalText('workflowId', input.workflowId),
      apiKeyId: checkOptionalText('apiKeyId', input.apiKeyId),
      userId: checkOptionalText('userId', input.userId),
      ttlMs: checkSpan('ttlMs', input.ttlMs ?? HOLD_TTL_MS, 1),
      graceMs: checkSpan('graceMs', input.graceMs ?? HOLD_GRACE_MS, 0),
      overage: checkOneOf('overage', input.overage ?? 'cap', overagePolicies),
      unitPrice: input.unitPrice === undefined ? undefined : checkAmountOrZero('unitPrice', input.unitPrice),
      opensWorkflow: checkOpening(input),
    }
    const isNamed = input.holdId !== undefined || input.idempotencyKey !== undefined
    const defaultKey = input.holdId === undefined ? null : `placeHold:${holdId}`
    return this.#change('placeHold', input, defaultKey, fields, call).catch((error: unknown) => {
      const mayBeHeld = error instanceof LedgerUnavailableError && !call?.transaction
      if (mayBeHeld && !isNamed) this.#lostHolds.add({ accountId: input.accountId, holdId })
      throw error
    })
  }

  /**
   * Gives an open hold more time, or a larger or smaller amount. A larger one is refused if the hold's workflow, which may have
   * kept it, or one above that was closed. Without an idempotency key, each call takes effect.
   */
  async extendHold(input: ExtendHoldInput, call?: CallOptions<Transaction>): Promise<ExtendHoldOutcome> {
    checkFields('extendHold', input, call)
    const fields = {
      holdId: checkKnownId('holdId', input.holdId),
      ttlMs: input.ttlMs === undefined ? undefined : checkSpan('ttlMs', input.ttlMs, 1),
      amount: input.amount === undefined ? undefined : checkAmountOrZero('amount', input.amount),
      unitPrice: input.unitPrice === undefined ? undefined : checkAmountOrZero('unitPrice', input.unitPrice),
    }
    return this.#change('extendHold', input, null, fields, call)
  }

  /**
   * Charges what the work cost. If that is more than was held, the hold's overage policy decides: `cap` takes what is available
   * and records the shortfall, `debt` goes on to the account's debt limit, `reject` changes nothing. If the hold has expired or
   * was released, everything is charged afresh under the same policy. charged + shortfall is always the rated price, rounded.
   */
  async settleHold(input: SettleHoldInput, call?: CallOptions<Transaction>): Promise<SettleHoldOutcome> {
    checkFields('settleHold', input, call)
    const final = input.final ?? true
    if (!final && input.usageId === undefined)
      throw new InvalidInputError('usageId', 'must name the part of a hold that is settled in parts')
    const holdId = checkKnownId('holdId', input.holdId)
    const usageId = checkText('usageId', input.usageId ?? holdId)
    if (!final && input.closesWorkflow)
      throw new InvalidInputError('closesWorkflow', 'must not be set where final is false: the hold would outlive its workflow')
    if (!final && usageId === holdId)
      throw new InvalidInputError('usageId', "must not be the hold's own id, which names its last settlement")
    const partOf = checkOptionalText('partOf', input.partOf)
    if (partOf !== undefined && (final || partOf === usageId))
      throw new InvalidInputError('partOf', 'must name another usage record, in a settlement with final: false')
    const fields = {
      holdId,
      usageId,
      final,
      partOf,
      provider: checkOptionalText('provider', input.provider),
      unitPrice: input.unitPrice === undefined ? undefined : checkAmountOrZero('unitPrice', input.unitPrice),
      usage: checkUsage(input.usage),
      ...this.#closing(input),
    }
    return this.#usage('settleHold', mutationOf(input), `usage:${usageId}`, fields, call)
  }

  /** Gives back everything that a hold still sets aside, and ends it. */
  async releaseHold(input: ReleaseHoldInput, call?: CallOptions<Transaction>): Promise<ReleaseHoldOutcome> {
    checkFields('releaseHold', input, call)
    const holdId = checkKnownId('holdId', input.holdId)
    return this.#change('releaseHold', input, `releaseHold:${holdId}`, { holdId }, call)
  }

  /**
   * Gives a hold back within seconds of when the database takes changes again, and answers nothing: for those who found it unavailable
   * when they released a hold, or settled one for nothing, and will not try again. One that has ended by then is left as it is. Kept in
   * memory until the ledger is closed; a hold that is forgotten then expires by itself.
   */
  releaseHoldLater({ accountId, holdId }: Pick<ReleaseHoldInput, 'accountId' | 'holdId'>): void {
    this.#lostHolds.add({ accountId: checkText('accountId', accountId), holdId: checkKnownId('holdId', holdId) })
  }

  /** Charges work that no hold was placed for. Refuses when the balance does not cover it, unless `overage` says otherwise. */
  async charge(input: ChargeInput, call?: CallOptions<Transaction>): Promise<ChargeOutcome> {
    checkFields('charge', input, call)
    const usageId = checkText('usageId', input.usageId ?? newId('charge', input.accountId, input.idempotencyKey))
    const fields = {
      usageId,
      service: checkService('service', input.service),
      provider: checkText('provider', input.provider),
      overage: checkOneOf('overage', input.overage ?? 'reject', overagePolicies),
      workflowId: checkOptionalText('workflowId', input.workflowId),
      apiKeyId: checkOptionalText('apiKeyId', input.apiKeyId),
      userId: checkOptionalText('userId', input.userId),
      usage: checkUsage(input.usage),
      opensWorkflow: checkOpening(input),
      linesSoFar: checkLinesSoFar(input.linesSoFar),
      ...this.#closing(input),
    }
    for (const name of ['closesWorkflow', 'linesSoFar'] as const) {
      if (input[name] && input.workflowId === undefined) throw new InvalidInputError(name, 'must not be set without workflowId')
    }
    // The spool may send a charge twice, so with a spool every charge needs a key.
    const key = input.usageId === undefined && !this.#spool ? null : `usage:${usageId}`
    return this.#usage('charge', mutationOf(input), key, fields, call)
  }

  /**
   * Gives back a charge or a part of it to the grants that paid for it, starting with the one drawn last. What a grant paid that
   * has expired or was revoked since becomes a new grant, so that a refund is never lost.
   * A partial refund does not change what further usage on the same receipt line costs. A full refund prices it as if the charge
   * had never been made.
   */
  async refund(input: RefundInput, call?: CallOptions<Transaction>): Promise<RefundOutcome> {
    checkFields('refund', input, call)
    const fields = {
      ...correctionFields('refund', input),
      amount: input.amount === undefined ? undefined : checkAmount('amount', input.amount),
    }
    return this.#change('refund', input, correctionKey(input), fields, call)
  }

  /** Corrects what a usage record cost the customer, or us, or both, for example when a price arrives late. */
  async adjust(input: AdjustInput, call?: CallOptions<Transaction>): Promise<AdjustOutcome> {
    checkFields('adjust', input, call)
    if (input.charge === undefined && input.cost === undefined) throw new InvalidInputError('charge', 'or cost must be given')
    const fields = {
      ...correctionFields('adjust', input),
      charge: input.charge === undefined ? undefined : checkAmountOrZero('charge', input.charge),
      cost: input.cost === undefined ? undefined : checkCost('cost', input.cost),
      overage: checkOneOf('overage', input.overage ?? 'cap', overagePolicies),
    }
    return this.#change('adjust', input, correctionKey(input), fields, call)
  }

  /**
   * Takes back what is left of a grant, for example one that was given by mistake. What was spent of it stays paid. If a payment
   * was reversed, use {@link chargeback}, which also makes the spent part owed. A grant that is fully spent is not revoked: call
   * again if a refund brings it back.
   */
  async revokeGrant(input: RevokeGrantInput, call?: CallOptions<Transaction>): Promise<RevokeGrantOutcome> {
    checkFields('revokeGrant', input, call)
    const grantId = checkKnownId('grantId', input.grantId)
    return this.#change('revokeGrant', input, revocationKeyOf(grantId), { grantId }, call)
  }

  /**
   * Takes back a whole grant whose payment was reversed. What was spent of it becomes debt, which the next grants repay first.
   * Freeze the account as well to stop spending on its credit line.
   */
  async chargeback(input: ChargebackInput, call?: CallOptions<Transaction>): Promise<ChargebackOutcome> {
    checkFields('chargeback', input, call)
    const fields = { grantId: checkKnownId('grantId', input.grantId), reason: checkOptionalText('reason', input.reason) }
    return this.#change('chargeback', input, `chargeback:${fields.grantId}`, fields, call)
  }

  /** Refuses new work on an account until it is unfrozen. Work in progress may still settle its holds. */
  async freezeAccount(input: FreezeAccountInput, call?: CallOptions<Transaction>): Promise<FreezeAccountOutcome> {
    checkFields('freezeAccount', input, call)
    const fields = { isFrozen: checkFlag('isFrozen', input.isFrozen), reason: checkOptionalText('reason', input.reason) }
    return this.#change('freezeAccount', input, null, fields, call)
  }

  /**
   * Opens a workflow: an envelope for calls that share a budget, a receipt and an id. Refused if its reserve cannot be held.
   *
   * @throws {LedgerClosedError} the ledger is closed, or is closing and would hold the reserve
   */
  async openWorkflow(input: OpenWorkflowInput, call?: CallOptions<Transaction>): Promise<OpenWorkflowOutcome> {
    checkFields('openWorkflow', input, call)
    if (this.#isClosing && input.reserve !== undefined) throw new LedgerClosedError('the ledger is closed')
    const workflowId = checkText('workflowId', input.workflowId ?? newId('openWorkflow', input.accountId, input.idempotencyKey))
    const fields = {
      workflowId,
      ...checkNewWorkflow('', input),
      reserve: checkReserve(input),
      parentId: checkOptionalText('parentId', input.parentId),
    }
    return this.#change('openWorkflow', input, input.workflowId === undefined ? null : `openWorkflow:${workflowId}`, fields, call)
  }

  /**
   * Closes a workflow and releases the holds still open under it, unless it keeps them. Closing it again returns the first outcome.
   * Usage of its account that waits in the spool goes in before, unless the host's transaction closes it.
   */
  async closeWorkflow(input: CloseWorkflowInput, call?: CallOptions<Transaction>): Promise<CloseWorkflowOutcome> {
    checkFields('closeWorkflow', input, call)
    const workflowId = checkText('workflowId', input.workflowId)
    const fields = { workflowId, keepsHolds: checkFlag('keepsHolds', input.keepsHolds ?? false), announce: this.#announces }
    const close = () => this.#change('closeWorkflow', input, `closeWorkflow:${workflowId}`, fields, call)
    if (!this.#spool || call?.transaction) return close()
    // Later, a charge would no longer belong to the workflow, and a settlement would be missing on its receipt.
    return this.#besideSpool(this.#spool.sendOf(input.accountId).then(close))
  }

  /**
   * Creates an API key and returns its secret, which is never shown again.
   *
   * @param input.secret  the secret to use instead of a random one, for demonstrations and tests; at least 8 characters
   * @throws {IdempotencyConflictError} the idempotency key was used before with another secret; the error names the field
   * `secret`, but discloses neither value
   */
  async createApiKey(
    input: CreateApiKeyInput & { secret?: string },
    call?: CallOptions<Transaction>,
  ): Promise<CreateApiKeyOutcome> {
    checkFields('createApiKey', input, call)
    const secret = checkSecret(input.secret)
    const apiKeyId = checkText('apiKeyId', input.apiKeyId ?? newId('createApiKey', input.accountId, input.idempotencyKey))
    if (input.services?.length === 0)
      throw new InvalidInputError('services', 'must name a service, or be left out for every service')
    const fields = {
      apiKeyId,
      name: checkText('name', input.name ?? 'default'),
      userId: checkOptionalText('userId', input.userId),
      prefix: apiKeyPrefix(secret),
      hash: apiKeyHash(secret),
      secret: input.secret === undefined ? undefined : apiKeyHash(secret),
      services: checkKeyServices(input.services ?? [], apiKeyId),
      expiresAt: input.expiresAt === undefined ? undefined : checkTime('expiresAt', input.expiresAt),
      minimumBalance: checkAmountOrZero('minimumBalance', input.minimumBalance ?? this.#minimumCreditsForApiKey),
    }
    const outcome = await this.#change(
      'createApiKey',
      input,
      input.apiKeyId === undefined ? null : `createApiKey:${apiKeyId}`,
      fields,
      call,
    )
    return outcome.status === 'created' && !outcome.replayed ? { ...outcome, secret } : outcome
  }

  /**
   * Gives an API key a new secret and returns it, which is never shown again. The key keeps its id, name, services, limits,
   * budgets and expiry. The previous secret stays valid for `graceMs`, so that its users can switch, and the one before that ends
   * now. Without an idempotency key, each call rotates the key again. With one, the rotation happens once, and a replay cannot
   * return the secret.
   *
   * @param input.secret  the secret to use instead of a random one; at least 8 characters
   * @throws {NotFoundError} no such key in this account
   * @throws {InvalidInputError} the key was revoked or has expired
   */
  async rotateApiKey(
    input: RotateApiKeyInput & { secret?: string },
    call?: CallOptions<Transaction>,
  ): Promise<RotateApiKeyOutcome> {
    checkFields('rotateApiKey', input, call)
    const secret = checkSecret(input.secret)
    const fields = {
      apiKeyId: checkText('apiKeyId', input.apiKeyId),
      prefix: apiKeyPrefix(secret),
      hash: apiKeyHash(secret),
      secret: input.secret === undefined ? undefined : apiKeyHash(secret),
      graceMs: checkSpan('graceMs', input.graceMs ?? ROTATION_GRACE_MS, 0),
    }
    const outcome = await this.#change('rotateApiKey', input, null, fields, call)
    this.forgetApiKey(fields.apiKeyId)
    return outcome.replayed ? outcome : { ...outcome, secret }
  }

  /**
   * Ends an API key for good: at once in this process, and within ten seconds in others, which may cache it that long. In a
   * transaction of the host, it takes up to ten seconds after the commit.
   */
  async revokeApiKey(input: RevokeApiKeyInput, call?: CallOptions<Transaction>): Promise<RevokeApiKeyOutcome> {
    checkFields('revokeApiKey', input, call)
    const apiKeyId = checkText('apiKeyId', input.apiKeyId)
    const outcome = await this.#change('revokeApiKey', input, `revokeApiKey:${apiKeyId}`, { apiKeyId }, call)
    this.forgetApiKey(apiKeyId)
    return outcome
  }

  /** Replaces the services that an API key may use. An empty list leaves it none. */
  async setKeyServices(input: SetKeyServicesInput, call?: CallOptions<Transaction>): Promise<SetKeyServicesOutcome> {
    checkFields('setKeyServices', input, call)
    const apiKeyId = checkText('apiKeyId', input.apiKeyId)
    const fields = { apiKeyId, services: checkKeyServices(input.services, apiKeyId) }
    const outcome = await this.#change('setKeyServices', input, null, fields, call)
    this.forgetApiKey(apiKeyId)
    return outcome
  }

  /** Limits what an account, a user or an API key may spend in a period, in total or on one service. */
  async setBudget(input: SetBudgetInput, call?: CallOptions<Transaction>): Promise<SetBudgetOutcome> {
    checkFields('setBudget', input, call)
    const { userId, apiKeyId, service, period } = input
    const scope = {
      userId: checkOptionalText('userId', userId),
      apiKeyId: checkOptionalText('apiKeyId', apiKeyId),
      service: service === undefined ? undefined : checkService('service', service),
      period: checkOneOf('period', period, budgetPeriods),
    }
    const fields = {
      budgetId: input.budgetId === undefined ? defaultBudgetId(scope) : checkText('budgetId', input.budgetId),
      ...scope,
      timeZone: checkTimeZone('timeZone', input.timeZone ?? 'UTC'),
      limit: checkAmountOrZero('limit', input.limit),
      mode: checkOneOf('mode', input.mode ?? 'block', ['block', 'warn']),
      alertsAtPercent: checkPercents('alertsAtPercent', input.alertsAtPercent ?? ALERTS_AT_PERCENT),
    }
    return this.#change('setBudget', input, null, fields, call)
  }

  /**
   * Sets the balances below which an account's owner is alerted, once each time that the balance falls below. Replaces the
   * previous ones. A threshold above the current balance alerts at once. If a top-up was too small, the next one is requested.
   */
  async setAlerts(input: SetAlertsInput, call?: CallOptions<Transaction>): Promise<SetAlertsOutcome> {
    checkFields('setAlerts', input, call)
    const { balanceLow, topUp } = input
    const fields = {
      balanceLow: balanceLow === undefined ? undefined : checkAmount('balanceLow', balanceLow),
      topUp: topUp && { at: checkAmount('topUp.at', topUp.at), amount: checkAmount('topUp.amount', topUp.amount) },
    }
    return this.#change('setAlerts', input, null, fields, call)
  }

  /** Gives up a top-up that was requested, so that the next fall of the balance requests one again. */
  async cancelTopUp(input: CancelTopUpInput, call?: CallOptions<Transaction>): Promise<CancelTopUpOutcome> {
    checkFields('cancelTopUp', input, call)
    const fields = { topUpId: checkText('topUpId', input.topUpId), reason: checkOptionalText('reason', input.reason) }
    return this.#change('cancelTopUp', input, `cancelTopUp:${fields.topUpId}`, fields, call)
  }

  /** Makes an event that was given up due again. @throws {NotFoundError} no such event in this account */
  async retryEvent({ accountId, eventId }: { accountId: string; eventId: string }): Promise<{ isDelivered: boolean }> {
    return this.#change('retryEvent', { accountId }, null, { eventId: checkText('eventId', eventId) }, undefined)
  }

  /** @internal Claims an event for delivery. */
  async claimEvent({ accountId, ...input }: { accountId: string; eventId: string; until: number }) {
    return this.#change('claimEvent', { accountId }, null, input, undefined)
  }

  /** @internal Records how a delivery went. */
  async endDelivery({ accountId, ...input }: { accountId: string; eventId: string; error?: string; delayMs?: number }) {
    return this.#change('endDelivery', { accountId }, null, input, undefined)
  }

  /** Stores a document of the host in an account, for example an agent. One with a `version` replaces earlier versions. */
  async saveDocument(input: SaveDocumentInput, call?: CallOptions<Transaction>): Promise<SaveDocumentOutcome> {
    checkFields('saveDocument', input, call)
    if (input.version !== undefined) return this.#replaceDocument(input, input.version, call)
    const fields = {
      kind: checkService('kind', input.kind),
      documentId: checkText('documentId', input.documentId ?? newId('saveDocument', input.accountId, input.idempotencyKey)),
      body: checkBody(input.body),
      savedBy: checkOptionalText('savedBy', input.savedBy),
    }
    return this.#change(
      'saveDocument',
      input,
      input.documentId === undefined ? null : `saveDocument:${fields.kind}:${fields.documentId}`,
      fields,
      call,
    )
  }

  /**
   * Overwrites the bodies of documents without a version, where their content is to be kept for a while only. Nothing else in the
   * ledger depends on it. Saving such a document again still returns its first outcome, because the journal keeps what was saved:
   * each field of up to 80 characters, and the SHA-256 of a longer one. Ids that are unknown, or of documents with a version, are
   * ignored.
   */
  async overwriteDocuments(input: OverwriteDocumentsInput): Promise<void> {
    checkFields('overwriteDocuments', input)
    const ids = checkTexts('documentIds', input.documentIds)
    const body = JSON.stringify(checkBody(input.body))
    const accountId = checkText('accountId', input.accountId)
    const kind = checkService('kind', input.kind)
    const replaceable = await this.replaceableDocuments(accountId, kind, ids)
    await this.#driver.write({
      text: 'UPDATE {documents} SET body = ? WHERE account_id = ? AND kind = ? AND document_id = ANY(?)',
      values: [body, accountId, kind, ids.filter((id) => !replaceable.has(id))],
    })
  }

  async #replaceDocument(
    { accountId, idempotencyKey, ...input }: SaveDocumentInput,
    version: number,
    call: CallOptions<Transaction> | undefined,
  ): Promise<SaveDocumentOutcome> {
    if (idempotencyKey !== undefined) {
      throw new InvalidInputError(
        'idempotencyKey',
        'is not for a document with a version, which the version makes safe to repeat',
      )
    }
    if (input.savedBy !== undefined) throw new InvalidInputError('savedBy', 'is not for a document with a version')
    const fields = {
      kind: checkService('kind', input.kind),
      documentId: checkText('documentId', input.documentId),
      body: checkBody(input.body),
      version: checkInteger('version', version),
    }
    return this.#change('replaceDocument', { accountId }, null, fields, call)
  }

  /**
   * Applies what is due on idle accounts: begins and expires grants, gives back abandoned holds. Accounts in use need no sweep,
   * since every verb does the same for its own account first.
   *
   * @param options.limit  the most accounts to process in one call. @defaultValue 500
   * @returns              how many accounts had something due; call again while it equals `limit`
   * @throws {InvalidOptionError} an option is unknown
   */
  async sweep(options: { limit?: number } = {}): Promise<number> {
    checkOptionNames(options, { limit: true }, 'sweep()')
    const { limit = 500 } = options
    const due = await this.accountsDue(limit)
    await Promise.all(due.map((accountId) => this.advance(accountId)))
    return due.length
  }

  /** Applies what is due on one account, so that its balance can be read. */
  protected override async advance(accountId: string): Promise<void> {
    await this.#queue.submit({ verb: 'advance', accountId, idempotencyKey: null, input: {} })
  }

  /** Records when a key was used, batched with other changes in one transaction. */
  protected override noteKeyUse({ accountId, ...input }: KeyUse): Promise<unknown> {
    return this.#queue.submit({ verb: 'noteKeyUse', accountId, idempotencyKey: null, input })
  }

  /** Submits usage, which must not be lost: if the database is unavailable and there is a spool, the usage goes there. */
  #usage<Name extends 'settleHold' | 'charge'>(
    verb: Name,
    mutation: Mutation,
    defaultKey: string | null,
    fields: Operations[Name],
    call: CallOptions<Transaction> | undefined,
  ): Promise<Outcomes[Name]> {
    const spool = this.#spool
    // In a transaction of the host, the host decides whether the usage happens at all.
    if (!spool || call?.transaction) return this.#change(verb, mutation, defaultKey, fields, call)
    return this.#besideSpool(this.#usageOrSpooled(spool, verb, mutation, defaultKey, fields))
  }

  /** Tracks a change that closing waits for. */
  #besideSpool<Result>(change: Promise<Result>): Promise<Result> {
    const ended = () => void this.#spooling.delete(change)
    this.#spooling.add(change)
    change.then(ended, ended)
    return change
  }

  async #usageOrSpooled<Name extends 'settleHold' | 'charge'>(
    spool: UsageSpool,
    verb: Name,
    mutation: Mutation,
    defaultKey: string | null,
    fields: Operations[Name],
  ): Promise<Outcomes[Name]> {
    try {
      await this.#afterItsParts(spool, mutation.accountId, fields)
      return await this.#change(verb, mutation, defaultKey, fields, undefined)
    } catch (error) {
      if (!mayKeep(error)) throw error
      const { accountId, idempotencyKey = defaultKey } = mutation
      // The work is done, so it is charged whatever came between.
      const input = { ...fields, linesSoFar: undefined }
      await spool.keep({ verb, accountId, idempotencyKey, input } as UsageOperation, error)
      throw new UsageSpooledError(fields.usageId, error)
    }
  }

  /** The fields of a charge that closes its workflow. Empty for most, which do not. */
  #closing({ closesWorkflow }: { closesWorkflow?: boolean }): Pick<Operations['charge'], 'closesWorkflow' | 'announce'> {
    return checkFlag('closesWorkflow', closesWorkflow ?? false) ? { closesWorkflow: true, announce: this.#announces } : {}
  }

  /** @throws {LedgerUnavailableError} usage of the same work is still in the spool, so this has to go there too */
  async #afterItsParts(
    spool: UsageSpool,
    accountId: string,
    usage: Operations['settleHold'] | Operations['charge'],
  ): Promise<void> {
    if (await spool.isWaiting(accountId, usage)) {
      const what = 'holdId' in usage ? `part of hold ${JSON.stringify(usage.holdId)}` : `charge ${JSON.stringify(usage.usageId)}`
      throw new LedgerUnavailableError(`an earlier ${what} waits in the spool`)
    }
  }

  /** @param defaultKey  null if the caller gave neither key nor id, and so cannot repeat the change */
  async #change<Name extends Verb>(
    verb: Name,
    { accountId, idempotencyKey }: Mutation,
    defaultKey: string | null,
    input: Operations[Name],
    call: CallOptions<Transaction> | undefined,
  ): Promise<Outcomes[Name]> {
    const operation = {
      verb,
      accountId: checkText('accountId', accountId),
      idempotencyKey: checkOptionalText('idempotencyKey', idempotencyKey) ?? defaultKey,
      input,
    } as Operation
    const outcome: Outcome | undefined = call?.transaction
      ? // A duplicate that the database rejects may abort the host's whole transaction, so look for one first.
        (await this.#driver.commit([{ ...operation, isDoubtful: true }], call.transaction))[0]
      : await this.#queue.submit(operation)
    if (outcome?.status === 'failed') throw errorOf(outcome)
    return outcome as Outcomes[Name]
  }
}

/** Copies only the account and the key, so that a waiting promise does not keep the caller's whole input in memory. */
function mutationOf({ accountId, idempotencyKey }: Mutation): Mutation {
  return { accountId, idempotencyKey }
}

function checkMinimum(minimum: Credits): Credits {
  if (typeof minimum === 'bigint' && minimum >= 0n) return minimum
  throw new InvalidOptionError(
    `minimumCreditsForApiKey must be 0 or more, as bigint micro-credits: credits(5_000); received ${String(minimum)}`,
  )
}

/** The secret for a key: the caller's own, or a random one. */
function checkSecret(given: string | undefined): string {
  const secret = given === undefined ? newApiKeySecret() : checkText('secret', given)
  if (secret.length < 8 || /\s/.test(secret))
    throw new InvalidInputError('secret', 'must have at least 8 characters, none of them blank')
  return secret
}

/** One id per scope and period: `account/day`, `key:k,service:gpt/month`. A scope too long for an id becomes its digest. */
function defaultBudgetId({
  userId,
  apiKeyId,
  service,
  period,
}: Pick<SetBudgetInput, 'userId' | 'apiKeyId' | 'service' | 'period'>): string {
  const scope = Object.entries({ user: userId, key: apiKeyId, service })
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name}:${escapeSeparators(value)}`)
  const names = scope.join(',') || 'account'
  const id = `${names}/${period}`
  return id.length <= TEXT_MAX ? id : `sha256:${hash('sha256', names)}/${period}`
}

function checkReserve({ reserve, reserveTtlMs, maxCredits }: OpenWorkflowInput) {
  const ttlMs = checkSpan('reserveTtlMs', reserveTtlMs ?? RESERVE_TTL_MS, 1)
  if (reserve === undefined) return undefined
  if (maxCredits !== undefined && reserve > maxCredits) throw new InvalidInputError('reserve', 'must not be above maxCredits')
  return { amount: checkAmount('reserve', reserve), ttlMs }
}

function correctionFields(verb: 'refund' | 'adjust', input: RefundInput | AdjustInput) {
  const correctionId = input.correctionId ?? newId(verb, input.accountId, input.idempotencyKey)
  return {
    usageId: checkText('usageId', input.usageId),
    correctionId: checkText('correctionId', correctionId),
    reason: checkOptionalText('reason', input.reason),
  }
}

function correctionKey({ correctionId }: RefundInput | AdjustInput): string | null {
  return correctionId === undefined ? null : `usage:${correctionId}`
}
