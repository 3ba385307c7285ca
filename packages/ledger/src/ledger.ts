import { hash } from 'node:crypto'
import { type Credits, credits } from '@farebox/core'
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
  checkTime,
  checkTimeZone,
  checkUsage,
  escapeSeparators,
  TEXT_MAX,
} from './check-input.ts'
import { CommitQueue, type CommitQueueOptions } from './commit-queue.ts'
import type { LedgerDriver } from './driver.ts'
import { errorOf, InvalidInputError, LedgerOverloadedError, LedgerUnavailableError, UsageSpooledError } from './errors.ts'
import { LedgerHistory } from './history.ts'
import type { KeyUse } from './key-uses.ts'
import { revocationKeyOf } from './machine/grants.ts'
import type { MigrationPlan, MigrationReport } from './migrations.ts'
import { newId } from './new-id.ts'
import type {
  AdjustInput,
  AdjustOutcome,
  CancelTopUpInput,
  CancelTopUpOutcome,
  ChargebackInput,
  ChargebackOutcome,
  ChargeInput,
  ChargeOutcome,
  CloseWorkflowInput,
  CloseWorkflowOutcome,
  CreateApiKeyInput,
  CreateApiKeyOutcome,
  ExtendHoldInput,
  ExtendHoldOutcome,
  FreezeAccountInput,
  FreezeAccountOutcome,
  GrantInput,
  GrantOutcome,
  Mutation,
  OpenAccountInput,
  OpenAccountOutcome,
  OpenWorkflowInput,
  OpenWorkflowOutcome,
  Operation,
  Operations,
  Outcome,
  Outcomes,
  PlaceHoldInput,
  PlaceHoldOutcome,
  RefundInput,
  RefundOutcome,
  ReleaseHoldInput,
  ReleaseHoldOutcome,
  RevokeApiKeyInput,
  RevokeApiKeyOutcome,
  RevokeGrantInput,
  RevokeGrantOutcome,
  RotateApiKeyInput,
  RotateApiKeyOutcome,
  SaveDocumentInput,
  SaveDocumentOutcome,
  SetAlertsInput,
  SetAlertsOutcome,
  SetBudgetInput,
  SetBudgetOutcome,
  SetKeyServicesInput,
  SetKeyServicesOutcome,
  SettleHoldInput,
  SettleHoldOutcome,
  Verb,
} from './operations.ts'
import { ProviderHealth } from './provider-health.ts'
import type { QueueStats } from './queue-watch.ts'
import { LedgerReader } from './reader.ts'
import { budgetPeriods, grantSources, overagePolicies } from './rows.ts'
import type { UsageOperation } from './spool/operation-json.ts'
import { type SpoolReport, UsageSpool, type UsageSpoolOptions } from './spool/usage-spool.ts'

/** How a {@link Ledger} queues, spools and tells. All of it may be left out. */
export interface LedgerOptions extends CommitQueueOptions {
  /**
   * Where usage goes that cannot be written because the database is away or far behind: `settleHold` and `charge` then throw {@link UsageSpooledError},
   * and it is charged, once, when the database is back. New holds are refused all the same. @defaultValue none: the failure is thrown
   */
  spool?: UsageSpoolOptions
  /** Whether each workflow that closes is told as an event: one row more for each. @defaultValue false */
  closedWorkflowEvents?: boolean
  /** What an account must have available to make an API key, its credit line not counted. @defaultValue 5_000 credits */
  minimumCreditsForApiKey?: Credits
}

/** What every verb takes beside its input. */
export interface CallOptions<Transaction> {
  /** The host's own open transaction, so that its rows and this change commit together or not at all. */
  transaction?: Transaction
}

/** Five minutes: longer than most calls, short enough that a crash does not tie credits up for long. */
const HOLD_TTL_MS = 300_000
const HOLD_GRACE_MS = 60_000
/** Long enough for a telephone call's pauses: its holds renew it. */
const RESERVE_TTL_MS = 3_600_000
const GRANT_PRIORITY = 100
const ALERTS_AT_PERCENT = [80, 100]
/** Long enough to bring a new secret to every server that has the old one. */
const ROTATION_GRACE_MS = 86_400_000

/**
 * Prepaid credits: who has them, what sets them aside and what spends them. Every verb is one atomic step that is durable when
 * its promise resolves, and safe to send again under the same idempotency key.
 *
 * @example
 * const ledger = new Ledger(sqlite({ filename: 'credits.db' }))
 * await ledger.migrate()
 * const { accountId } = await ledger.openAccount({ name: 'Ada' })
 * await ledger.grant({ accountId, amount: credits(1000) })
 */
export class Ledger<Transaction = unknown> extends LedgerReader {
  /** Where the processes on this database tell each other how their providers are doing. */
  readonly health: ProviderHealth
  /** What happened, for exports and for those who follow it. */
  readonly history: LedgerHistory
  readonly #driver: LedgerDriver<Transaction>
  readonly #queue: CommitQueue
  readonly #minimumCreditsForApiKey: Credits
  readonly #announces: boolean
  readonly #spool: UsageSpool | undefined

  constructor(driver: LedgerDriver<Transaction>, options: LedgerOptions = {}) {
    super(driver)
    this.health = new ProviderHealth(driver)
    this.history = new LedgerHistory(driver)
    this.#driver = driver
    this.#queue = new CommitQueue(driver as LedgerDriver, options)
    this.#spool = options.spool && new UsageSpool(options.spool, (operation) => this.#queue.submit(operation))
    this.#announces = options.closedWorkflowEvents ?? false
    this.#minimumCreditsForApiKey = options.minimumCreditsForApiKey ?? credits(5_000)
  }

  /** Brings the database's tables up to date. Safe to call at every start, from every process. */
  async migrate(): Promise<MigrationReport> {
    const report = await this.#driver.migrate()
    this.#spool?.sendSoon()
    return report
  }

  /**
   * Sends usage that was spooled while the database was away. It happens by itself too: after `migrate`, and while there is any. A file that
   * cannot be read stays, and its error is thrown when the rest was sent. Only last settlements wait for it: it may be a part of their hold.
   */
  async sendSpooled(): Promise<SpoolReport> {
    return this.#spool?.send() ?? { sent: 0, refused: 0, waiting: 0 }
  }

  /** How much usage waits in the spool of this machine. */
  async spooled(): Promise<number> {
    return (await this.#spool?.waiting()) ?? 0
  }

  /** What waits for the database at this moment, and how long changes have waited so far: for a metrics page. */
  queueStats(): QueueStats {
    return this.#queue.stats()
  }

  /**
   * Says what {@link migrate} would do, and changes nothing: a SQLite file that is not there is not made either.
   *
   * @throws {SchemaVersionError} the database is newer than this code, or a step it has taken was changed since
   */
  planMigration(): Promise<MigrationPlan> {
    return this.#driver.planMigration()
  }

  /**
   * Asks the database for an answer and, where it did not take the last change, whether it takes one now: one that is full or
   * read-only answers questions all the same.
   *
   * @throws {LedgerUnavailableError} it does not
   * @throws {LedgerClosedError} it was closed
   */
  override async ping(): Promise<void> {
    await super.ping()
    if (!this.#queue.isFailing) return
    await this.health.tryToWrite()
    this.#queue.recovered()
  }

  /** Writes when keys were last used, waits for the changes under way, and closes what the ledger opened. */
  async close(): Promise<void> {
    await this.closeKeys()
    await this.#spool?.close()
    await this.#queue.close()
    await this.#driver.close()
  }

  /** Opens an account with an empty balance. */
  async openAccount(input: OpenAccountInput, call?: CallOptions<Transaction>): Promise<OpenAccountOutcome> {
    const accountId = input.accountId ?? newId('openAccount', '', input.idempotencyKey)
    const fields = {
      name: checkText('name', input.name),
      creditLimit: checkAmountOrZero('creditLimit', input.creditLimit ?? 0n),
      debtLimit: checkAmountOrZero('debtLimit', input.debtLimit ?? 0n),
    }
    return this.#change('openAccount', { ...input, accountId }, `openAccount:${accountId}`, fields, call)
  }

  /**
   * Adds spendable value. It first repays what was charged beyond all earlier grants. One that may pay for some services only repays
   * nothing, and the debt goes on counting against what may be spent.
   */
  async grant(input: GrantInput, call?: CallOptions<Transaction>): Promise<GrantOutcome> {
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
   * Sets value aside before work starts, or says why not. The hold goes back by itself when it is neither settled nor extended
   * for `ttlMs` and `graceMs`.
   */
  async placeHold(input: PlaceHoldInput, call?: CallOptions<Transaction>): Promise<PlaceHoldOutcome> {
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
    return this.#change('placeHold', input, input.holdId === undefined ? null : `placeHold:${holdId}`, fields, call)
  }

  /** Gives an open hold more time, or another amount, more (unless a workflow above its own was closed) or less. Without a key of its own it happens each time it is called. */
  async extendHold(input: ExtendHoldInput, call?: CallOptions<Transaction>): Promise<ExtendHoldOutcome> {
    const fields = {
      holdId: checkKnownId('holdId', input.holdId),
      ttlMs: input.ttlMs === undefined ? undefined : checkSpan('ttlMs', input.ttlMs, 1),
      amount: input.amount === undefined ? undefined : checkAmountOrZero('amount', input.amount),
    }
    return this.#change('extendHold', input, null, fields, call)
  }

  /**
   * Charges what the work cost. Above what was held, the hold's overage policy decides: `cap` takes what is available and
   * records the shortfall, `debt` goes on to the account's debt limit, `reject` changes nothing. A hold that has ended is
   * charged afresh under the same policy. charged + shortfall is always the rated price, rounded.
   */
  async settleHold(input: SettleHoldInput, call?: CallOptions<Transaction>): Promise<SettleHoldOutcome> {
    const final = input.final ?? true
    if (!final && input.usageId === undefined)
      throw new InvalidInputError('usageId', 'must name the part of a hold that is settled in parts')
    const holdId = checkKnownId('holdId', input.holdId)
    const usageId = checkText('usageId', input.usageId ?? holdId)
    if (!final && input.closesWorkflow)
      throw new InvalidInputError('closesWorkflow', 'must not be set where final is false: the hold would outlive its workflow')
    if (!final && usageId === holdId)
      throw new InvalidInputError('usageId', "must not be the hold's own id, which names its last settlement")
    const fields = {
      holdId,
      usageId,
      final,
      provider: checkOptionalText('provider', input.provider),
      usage: checkUsage(input.usage),
      ...this.#closing(input),
    }
    return this.#usage('settleHold', mutationOf(input), `usage:${usageId}`, fields, call)
  }

  /** Gives a whole hold back. */
  async releaseHold(input: ReleaseHoldInput, call?: CallOptions<Transaction>): Promise<ReleaseHoldOutcome> {
    const holdId = checkKnownId('holdId', input.holdId)
    return this.#change('releaseHold', input, `releaseHold:${holdId}`, { holdId }, call)
  }

  /** Charges work that no hold was placed for; refused when the balance does not cover it, unless `overage` says otherwise. */
  async charge(input: ChargeInput, call?: CallOptions<Transaction>): Promise<ChargeOutcome> {
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
      ...this.#closing(input),
    }
    if (input.closesWorkflow && input.workflowId === undefined)
      throw new InvalidInputError('closesWorkflow', 'must not be set without workflowId')
    // What may be sent twice needs a key.
    const key = input.usageId === undefined && !this.#spool ? null : `usage:${usageId}`
    return this.#usage('charge', mutationOf(input), key, fields, call)
  }

  /**
   * Gives a charge back, or a part of it: to the grants that paid for it, the last drawn first. What came from one that has expired
   * since becomes a new grant, so that a refund is never lost.
   * What more usage of a line costs is not changed by it, unless it gives back all of a charge: then it is as if that had never been.
   */
  async refund(input: RefundInput, call?: CallOptions<Transaction>): Promise<RefundOutcome> {
    const fields = {
      ...correctionFields('refund', input),
      amount: input.amount === undefined ? undefined : checkAmount('amount', input.amount),
    }
    return this.#change('refund', input, correctionKey(input), fields, call)
  }

  /** Sets right what a usage record turned out to have cost, for the customer, for us, or both: a late price, for example. */
  async adjust(input: AdjustInput, call?: CallOptions<Transaction>): Promise<AdjustOutcome> {
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
   * Takes back what is left of a grant, for example of one that was given by mistake. What was spent of it stays paid: where a payment was
   * reversed, {@link chargeback} has that owed. One that is spent is revoked by no call: if a refund brings it back, call again.
   */
  async revokeGrant(input: RevokeGrantInput, call?: CallOptions<Transaction>): Promise<RevokeGrantOutcome> {
    const grantId = checkKnownId('grantId', input.grantId)
    return this.#change('revokeGrant', input, revocationKeyOf(grantId), { grantId }, call)
  }

  /**
   * Takes a whole grant back, because its payment was reversed: what was spent of it is owed, and the next grants repay it first.
   * Freeze the account as well to stop what a credit line would still allow.
   */
  async chargeback(input: ChargebackInput, call?: CallOptions<Transaction>): Promise<ChargebackOutcome> {
    const fields = { grantId: checkKnownId('grantId', input.grantId), reason: checkOptionalText('reason', input.reason) }
    return this.#change('chargeback', input, `chargeback:${fields.grantId}`, fields, call)
  }

  /** Refuses new work on an account until it is unfrozen; what is under way may settle against its holds. */
  async freezeAccount(input: FreezeAccountInput, call?: CallOptions<Transaction>): Promise<FreezeAccountOutcome> {
    const fields = { isFrozen: checkFlag('isFrozen', input.isFrozen), reason: checkOptionalText('reason', input.reason) }
    return this.#change('freezeAccount', input, null, fields, call)
  }

  /** Opens an envelope for calls that share a budget, a receipt and an id; refused when its reserve cannot be set aside. */
  async openWorkflow(input: OpenWorkflowInput, call?: CallOptions<Transaction>): Promise<OpenWorkflowOutcome> {
    const workflowId = checkText('workflowId', input.workflowId ?? newId('openWorkflow', input.accountId, input.idempotencyKey))
    const fields = {
      workflowId,
      ...checkNewWorkflow('', input),
      reserve: checkReserve(input),
      parentId: checkOptionalText('parentId', input.parentId),
    }
    return this.#change('openWorkflow', input, input.workflowId === undefined ? null : `openWorkflow:${workflowId}`, fields, call)
  }

  /** Ends a workflow; holds still open under it go back. Closing again returns the first outcome. */
  async closeWorkflow(input: CloseWorkflowInput, call?: CallOptions<Transaction>): Promise<CloseWorkflowOutcome> {
    const workflowId = checkText('workflowId', input.workflowId)
    return this.#change('closeWorkflow', input, `closeWorkflow:${workflowId}`, { workflowId, announce: this.#announces }, call)
  }

  /**
   * Makes an API key and returns its secret, this once.
   *
   * @param input.secret  a key of the caller's own instead of a random one, for demonstrations and tests; at least 8 characters
   * @throws {IdempotencyConflictError} the key was used before with another secret; it names `secret`, and tells none
   */
  async createApiKey(
    input: CreateApiKeyInput & { secret?: string },
    call?: CallOptions<Transaction>,
  ): Promise<CreateApiKeyOutcome> {
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
   * Gives a key another secret and returns it, this once. The key keeps its id, name, services, limits, budgets and expiry; the
   * secret of before stays good for `graceMs`, so that its users can be told, and the one before that ends now. Without an
   * idempotency key it happens each time it is called; under one it happens once, and a replay cannot show the secret again.
   *
   * @param input.secret  a secret of the caller's own instead of a random one; at least 8 characters
   * @throws {NotFoundError} no such key in this account
   * @throws {InvalidInputError} the key was revoked or has expired
   */
  async rotateApiKey(
    input: RotateApiKeyInput & { secret?: string },
    call?: CallOptions<Transaction>,
  ): Promise<RotateApiKeyOutcome> {
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
   * Ends a key for good: at once in this process, within ten seconds in others, which may remember it for so long. Within a
   * transaction of the host's, ten seconds after its commit.
   */
  async revokeApiKey(input: RevokeApiKeyInput, call?: CallOptions<Transaction>): Promise<RevokeApiKeyOutcome> {
    const apiKeyId = checkText('apiKeyId', input.apiKeyId)
    const outcome = await this.#change('revokeApiKey', input, `revokeApiKey:${apiKeyId}`, { apiKeyId }, call)
    this.forgetApiKey(apiKeyId)
    return outcome
  }

  /** Replaces what a key may use; an empty list leaves it nothing. */
  async setKeyServices(input: SetKeyServicesInput, call?: CallOptions<Transaction>): Promise<SetKeyServicesOutcome> {
    const apiKeyId = checkText('apiKeyId', input.apiKeyId)
    const fields = { apiKeyId, services: checkKeyServices(input.services, apiKeyId) }
    const outcome = await this.#change('setKeyServices', input, null, fields, call)
    this.forgetApiKey(apiKeyId)
    return outcome
  }

  /** Limits what an account, a user or a key may spend, in all or on one service, over a period. */
  async setBudget(input: SetBudgetInput, call?: CallOptions<Transaction>): Promise<SetBudgetOutcome> {
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
   * Draws the lines below which an account's owner is told, once for each time that the balance falls below. Replaces those of before.
   * One that is drawn above the balance is told of at once; a purchase that was too small has the next one asked for.
   */
  async setAlerts(input: SetAlertsInput, call?: CallOptions<Transaction>): Promise<SetAlertsOutcome> {
    const { balanceLow, topUp } = input
    const fields = {
      balanceLow: balanceLow === undefined ? undefined : checkAmount('balanceLow', balanceLow),
      topUp: topUp && { at: checkAmount('topUp.at', topUp.at), amount: checkAmount('topUp.amount', topUp.amount) },
    }
    return this.#change('setAlerts', input, null, fields, call)
  }

  /** Gives up a purchase that was asked for, so that the next fall of the balance asks again. */
  async cancelTopUp(input: CancelTopUpInput, call?: CallOptions<Transaction>): Promise<CancelTopUpOutcome> {
    const fields = { topUpId: checkText('topUpId', input.topUpId), reason: checkOptionalText('reason', input.reason) }
    return this.#change('cancelTopUp', input, `cancelTopUp:${fields.topUpId}`, fields, call)
  }

  /** Makes an event due again that was given up. @throws {NotFoundError} no such event in this account */
  async retryEvent({ accountId, eventId }: { accountId: string; eventId: string }): Promise<{ isDelivered: boolean }> {
    return this.#change('retryEvent', { accountId }, null, { eventId: checkText('eventId', eventId) }, undefined)
  }

  /** @internal Takes an event to deliver it. */
  async claimEvent({ accountId, ...input }: { accountId: string; eventId: string; until: number }) {
    return this.#change('claimEvent', { accountId }, null, input, undefined)
  }

  /** @internal Says how a delivery went. */
  async endDelivery({ accountId, ...input }: { accountId: string; eventId: string; error?: string; delayMs?: number }) {
    return this.#change('endDelivery', { accountId }, null, input, undefined)
  }

  /** Keeps something of the host's in its account, for example an agent; with a `version`, in the place of earlier ones. */
  async saveDocument(input: SaveDocumentInput, call?: CallOptions<Transaction>): Promise<SaveDocumentOutcome> {
    if (input.version !== undefined) return this.#replaceDocument(input, input.version, call)
    const fields = {
      kind: checkService('kind', input.kind),
      documentId: checkText('documentId', input.documentId ?? newId('saveDocument', input.accountId, input.idempotencyKey)),
      body: checkBody(input.body),
    }
    return this.#change(
      'saveDocument',
      input,
      input.documentId === undefined ? null : `saveDocument:${fields.kind}:${fields.documentId}`,
      fields,
      call,
    )
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
    const fields = {
      kind: checkService('kind', input.kind),
      documentId: checkText('documentId', input.documentId),
      body: checkBody(input.body),
      version: checkInteger('version', version),
    }
    return this.#change('replaceDocument', { accountId }, null, fields, call)
  }

  /**
   * Lets what is due happen on accounts that nobody uses: grants begin and expire, abandoned holds go back. Accounts in use need
   * no sweep, since every verb does the same for its own account first.
   *
   * @param limit  accounts looked at in one call
   * @returns      how many accounts had something due; call again while it equals `limit`
   */
  async sweep({ limit = 500 }: { limit?: number } = {}): Promise<number> {
    const due = await this.accountsDue(limit)
    await Promise.all(due.map((accountId) => this.#queue.submit({ verb: 'advance', accountId, idempotencyKey: null, input: {} })))
    return due.length
  }

  /** Lets what is due on one account happen, so that its balance can be read. */
  protected override async advance(accountId: string): Promise<void> {
    await this.#queue.submit({ verb: 'advance', accountId, idempotencyKey: null, input: {} })
  }

  /** Keeps when a key was used, with other changes in one transaction. */
  protected override noteKeyUse({ accountId, ...input }: KeyUse): Promise<unknown> {
    return this.#queue.submit({ verb: 'noteKeyUse', accountId, idempotencyKey: null, input })
  }

  /** A change that must not be lost: where the database is away it is spooled, if there is a spool. */
  async #usage<Name extends 'settleHold' | 'charge'>(
    verb: Name,
    mutation: Mutation,
    defaultKey: string | null,
    fields: Operations[Name],
    call: CallOptions<Transaction> | undefined,
  ): Promise<Outcomes[Name]> {
    try {
      if (this.#spool && verb === 'settleHold' && !call?.transaction)
        await this.#afterItsParts(mutation.accountId, fields as Operations['settleHold'])
      return await this.#change(verb, mutation, defaultKey, fields, call)
    } catch (error) {
      // Within a transaction of the host's, whether it happens is the host's to decide.
      const isAway = error instanceof LedgerUnavailableError || error instanceof LedgerOverloadedError
      if (!this.#spool || call?.transaction || !isAway) throw error
      const { accountId, idempotencyKey = defaultKey } = mutation
      await this.#spool.keep({ verb, accountId, idempotencyKey, input: fields } as UsageOperation, error)
      throw new UsageSpooledError(fields.usageId, error)
    }
  }

  /** Whether a charge ends its workflow. Absent where it does not, as most do not. */
  #closing({ closesWorkflow }: { closesWorkflow?: boolean }): Pick<Operations['charge'], 'closesWorkflow' | 'announce'> {
    return checkFlag('closesWorkflow', closesWorkflow ?? false) ? { closesWorkflow: true, announce: this.#announces } : {}
  }

  /** @throws {LedgerUnavailableError} an earlier part of the same hold is still in the spool, so that this one has to go there too */
  async #afterItsParts(accountId: string, { holdId }: Operations['settleHold']): Promise<void> {
    if (await this.#spool?.isWaiting(accountId, holdId)) {
      throw new LedgerUnavailableError(`an earlier part of hold ${JSON.stringify(holdId)} waits in the spool`)
    }
  }

  /** @param defaultKey  null where the caller gave neither key nor id, and so could not repeat the change */
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
      ? // What the database refuses may end the host's whole transaction.
        (await this.#driver.commit([{ ...operation, isDoubtful: true }], call.transaction))[0]
      : await this.#queue.submit(operation)
    if (outcome?.status === 'failed') throw errorOf(outcome)
    return outcome as Outcomes[Name]
  }
}

/** Whose change it is, and its key. Details may be long, and what an input holds is held for as long as a promise that was given it waits. */
function mutationOf({ accountId, idempotencyKey }: Mutation): Mutation {
  return { accountId, idempotencyKey }
}

/** A key's secret: the caller's own, or a random one. */
function checkSecret(given: string | undefined): string {
  const secret = given === undefined ? newApiKeySecret() : checkText('secret', given)
  if (secret.length < 8 || /\s/.test(secret))
    throw new InvalidInputError('secret', 'must have at least 8 characters, none of them blank')
  return secret
}

/** One budget for each scope and period: `account/day`, `key:k,service:gpt/month`; a digest of the scope where that would be too long for an id. */
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
