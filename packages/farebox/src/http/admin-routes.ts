import { type Credits, formatCredits, microCredits } from '@farebox/core'
import { NotFoundError } from '@farebox/ledger'
import { z } from 'zod'
import { InsufficientCreditsError } from '../errors.ts'
import type { Farebox } from '../farebox.ts'
import { balanceFields, balanceJson, chargedFields } from '../receipt.ts'
import { refundUsage } from '../refund-usage.ts'
import {
  accountKeys,
  accountPage,
  chargedBack,
  createdAccount,
  createdBudget,
  createdKey,
  frozenAccount,
  granted,
  keyServices,
  refunded,
  revokedGrant,
  revokedKey,
  rotatedKey,
} from './admin-answers.ts'
import { placeText, readCursor, writeCursor } from './cursor.ts'
import { instantJson } from './instant-json.ts'
import { keyJson, keyServiceJson } from './key-json.ts'
import { adminRoute, changed, type Route } from './route.ts'
import {
  accountsQuery,
  budgetBody,
  chargebackBody,
  createAccountBody,
  createKeyBody,
  emptyBody,
  emptyQuery,
  freezeBody,
  grantBody,
  keyServicesBody,
  refundBody,
  revokeGrantBody,
  rotateKeyBody,
} from './schemas.ts'

export const adminRoutes: readonly Route[] = [
  adminRoute({
    method: 'post',
    path: '/api/v1/admin/accounts',
    operationId: 'createAccount',
    tag: 'admin',
    summary: 'Open an account, with or without initial credits',
    body: createAccountBody,
    status: 201,
    answer: createdAccount,
    async handle({ box, body, idempotencyKey }) {
      const amount = body.credits ?? microCredits(0n)
      const { accountId, replayed } = await box.ledger.openAccount({ name: body.name, idempotencyKey })
      // Kept so that a repeated request grants nothing twice, and one for other credits, or for none, is a conflict.
      const asked = { credits: formatCredits(amount) }
      await box.ledger.saveDocument({ accountId, kind: 'opening', documentId: 'opening', body: asked })
      if (amount > 0n) await box.ledger.grant({ accountId, amount, idempotencyKey: `opening:${accountId}` })
      return changed(201, { account_id: accountId }, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'get',
    path: '/api/v1/admin/accounts',
    operationId: 'listAccounts',
    tag: 'admin',
    summary: 'List the accounts with their balances, ordered by id',
    query: accountsQuery,
    answer: accountPage,
    async handle({ box, query: { limit, cursor } }) {
      const [after] = readCursor(['accounts'], z.tuple([placeText]), cursor) ?? []
      const accounts = await box.ledger.accounts({ after, limit: limit + 1 })
      const page = accounts.slice(0, limit)
      const last = page.at(-1)
      return {
        accounts: page.map(({ accountId, name, balance, held, available, isFrozen }) => ({
          account_id: accountId,
          name,
          ...balanceFields('balance', balance),
          ...chargedFields('held', held),
          ...balanceFields('available', available),
          ...(isFrozen && { frozen: isFrozen }),
        })),
        next_cursor: writeCursor(['accounts'], accounts.length > limit && last ? [last.accountId] : undefined),
      }
    },
  }),

  freezingRoute({
    path: '/api/v1/admin/accounts/:account_id/freeze',
    operationId: 'freezeAccount',
    summary: 'Freeze an account: it takes no new work, and work in progress may still be charged',
    isFrozen: true,
  }),

  freezingRoute({
    path: '/api/v1/admin/accounts/:account_id/unfreeze',
    operationId: 'unfreezeAccount',
    summary: 'Let a frozen account take new work again',
    isFrozen: false,
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/grants',
    operationId: 'grantCredits',
    tag: 'admin',
    summary: 'Grant credits to an account',
    body: grantBody,
    status: 201,
    wireNames: { amount: 'credits' },
    answer: granted,
    fails: [404],
    async handle({ box, body, idempotencyKey }) {
      const { grantId, balance, replayed } = await box.ledger.grant({
        accountId: body.account_id,
        amount: body.credits,
        source: body.source,
        priority: body.priority,
        effectiveAt: body.effective_at,
        expiresAt: body.expires_at,
        services: body.services,
        idempotencyKey,
      })
      const answer = { grant_id: grantId, credit_balance: balanceJson(balance ?? (await balanceNow(box, body.account_id))) }
      return changed(201, answer, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/grants/:grant_id/revoke',
    operationId: 'revokeGrant',
    tag: 'admin',
    summary: 'Take back what is left of a grant. What was spent of it stays paid',
    body: revokeGrantBody,
    answer: revokedGrant,
    async handle({ box, body, parameters, idempotencyKey }) {
      const { grantId, amount, balance, replayed } = await box.ledger.revokeGrant({
        accountId: body.account_id,
        grantId: parameters.grant_id ?? '',
        idempotencyKey,
      })
      const answer = {
        grant_id: grantId,
        credits_revoked: formatCredits(amount),
        credit_balance: balanceJson(balance ?? (await balanceNow(box, body.account_id))),
      }
      return changed(200, answer, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/grants/:grant_id/chargeback',
    operationId: 'chargebackGrant',
    tag: 'admin',
    summary: 'Take back a whole grant whose payment was reversed. What was spent of it becomes debt',
    body: chargebackBody,
    answer: chargedBack,
    async handle({ box, body, parameters, idempotencyKey }) {
      const { grantId, recovered, owed, balance, replayed } = await box.ledger.chargeback({
        accountId: body.account_id,
        grantId: parameters.grant_id ?? '',
        reason: body.reason,
        idempotencyKey,
      })
      const answer = {
        grant_id: grantId,
        credits_recovered: formatCredits(recovered),
        credits_owed: formatCredits(owed),
        credit_balance: balanceJson(balance),
      }
      return changed(200, answer, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/refunds',
    operationId: 'refundUsage',
    tag: 'admin',
    summary: 'Give back a charge or a part of it. The credits return to the grants that paid for it',
    body: refundBody,
    status: 201,
    wireNames: { amount: 'credits' },
    answer: refunded,
    fails: [404],
    async handle({ box, body, idempotencyKey }) {
      const { correctionId, replayed, ...refund } = await refundUsage(box.ledger, {
        accountId: body.account_id,
        usageId: body.usage_id,
        amount: body.credits,
        reason: body.reason,
        idempotencyKey,
      })
      const answer = {
        refund_id: correctionId,
        usage_id: body.usage_id,
        credits_refunded: formatCredits(refund.refunded),
        credits_refundable: formatCredits(refund.refundable),
        credit_balance: balanceJson(refund.balance),
      }
      return changed(201, answer, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/keys',
    operationId: 'createKey',
    tag: 'admin',
    summary: 'Create an API key. The key itself is shown only once',
    body: createKeyBody,
    status: 201,
    answer: createdKey,
    fails: [402, 404],
    async handle({ box, body, idempotencyKey }) {
      const outcome = await box.ledger.createApiKey({
        accountId: body.account_id,
        name: body.name,
        userId: body.user_id,
        services: body.services?.map(keyService),
        expiresAt: body.expires_at,
        idempotencyKey,
      })
      if (outcome.status === 'refused') throw new InsufficientCreditsError(outcome.requested, outcome.available, 'an API key')
      const { secret, prefix, replayed } = outcome
      return changed(201, { ...(secret !== undefined && { key: secret }), prefix }, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'get',
    path: '/api/v1/admin/accounts/:account_id/keys',
    operationId: 'listAccountKeys',
    tag: 'admin',
    summary: 'List the API keys of an account, newest first, with the time of their last use',
    query: emptyQuery,
    answer: accountKeys,
    async handle({ box, parameters }) {
      const accountId = parameters.account_id ?? ''
      const keys = await box.ledger.apiKeys(accountId)
      // A missing account has no keys either. Reading its balance makes that a 404.
      if (keys.length === 0) await box.ledger.balance(accountId)
      return { keys: keys.map(keyJson) }
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/keys/:prefix/services',
    operationId: 'setKeyServices',
    tag: 'admin',
    summary: 'Replace the services that a key may use',
    body: keyServicesBody,
    wireNames: { apiKeyId: 'prefix' },
    answer: keyServices,
    async handle({ box, body, parameters, idempotencyKey }) {
      const prefix = parameters.prefix ?? ''
      const key = await keyOf(box, prefix)
      const { replayed } = await box.ledger.setKeyServices({ ...key, services: body.services.map(keyService), idempotencyKey })
      const services = (await box.ledger.apiKey(prefix))?.services ?? []
      return changed(200, { prefix, services: services.map(keyServiceJson) }, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/keys/:prefix/rotate',
    operationId: 'rotateKey',
    tag: 'admin',
    summary:
      'Rotate the secret of a key. The new one is shown only once; the previous one stays valid for 24 hours, or for `grace_seconds`',
    body: rotateKeyBody,
    wireNames: { apiKeyId: 'prefix', graceMs: 'grace_seconds' },
    answer: rotatedKey,
    async handle({ box, body, parameters, idempotencyKey }) {
      const key = await keyOf(box, parameters.prefix ?? '')
      const graceMs = body.grace_seconds === undefined ? undefined : body.grace_seconds * 1_000
      const rotated = await box.ledger.rotateApiKey({ ...key, graceMs, idempotencyKey })
      const answer = {
        ...(rotated.secret !== undefined && { key: rotated.secret }),
        prefix: rotated.prefix,
        previous_prefix: rotated.previousPrefix,
        previous_expires_at: instantJson(rotated.previousUntil),
      }
      return changed(200, answer, { idempotencyKey, replayed: rotated.replayed })
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/keys/:prefix/revoke',
    operationId: 'revokeKey',
    tag: 'admin',
    summary: 'Revoke a key for good',
    body: emptyBody,
    wireNames: { apiKeyId: 'prefix' },
    answer: revokedKey,
    async handle({ box, parameters, idempotencyKey }) {
      const prefix = parameters.prefix ?? ''
      const { replayed } = await box.ledger.revokeApiKey({ ...(await keyOf(box, prefix)), idempotencyKey })
      return changed(200, { prefix, revoked: true as const }, { idempotencyKey, replayed })
    },
  }),

  adminRoute({
    method: 'post',
    path: '/api/v1/admin/budgets',
    operationId: 'setBudget',
    tag: 'admin',
    summary: 'Set a budget: a limit on what an account, a user or a key may spend per period',
    body: budgetBody,
    status: 201,
    wireNames: { limit: 'credits', service: 'service_type', timeZone: 'time_zone', alertsAtPercent: 'alerts_at_percent' },
    answer: createdBudget,
    fails: [404],
    async handle({ box, body, idempotencyKey }) {
      const key = body.key_prefix === undefined ? undefined : await keyOf(box, body.key_prefix)
      // Such a budget would limit nobody.
      if (key && key.accountId !== body.account_id) throw new NotFoundError('API_KEY_NOT_FOUND', body.key_prefix ?? '')
      const { budgetId, replayed } = await box.ledger.setBudget({
        accountId: body.account_id,
        userId: body.user_id,
        apiKeyId: key?.apiKeyId,
        service: body.service_type,
        period: body.period,
        limit: body.credits,
        mode: body.mode,
        timeZone: body.time_zone,
        alertsAtPercent: body.alerts_at_percent,
        idempotencyKey,
      })
      return changed(201, { budget_id: budgetId }, { idempotencyKey, replayed })
    },
  }),
]

function freezingRoute({ isFrozen, ...route }: { isFrozen: boolean } & Pick<Route, 'path' | 'operationId' | 'summary'>): Route {
  return adminRoute({
    ...route,
    method: 'post',
    tag: 'admin',
    body: freezeBody,
    wireNames: { isFrozen: 'path' },
    answer: frozenAccount,
    async handle({ box, body, parameters, idempotencyKey }) {
      const accountId = parameters.account_id ?? ''
      const { replayed } = await box.ledger.freezeAccount({ accountId, isFrozen, reason: body.reason, idempotencyKey })
      return changed(200, { account_id: accountId, frozen: isFrozen }, { idempotencyKey, replayed })
    },
  })
}

/** For a replay of what a database has from before outcomes of grants held the balance. */
async function balanceNow({ ledger }: Farebox, accountId: string): Promise<Credits> {
  return (await ledger.balance(accountId)).balance
}

async function keyOf(
  box: Parameters<(typeof adminRoutes)[number]['handle']>[0]['box'],
  prefix: string,
): Promise<{ accountId: string; apiKeyId: string }> {
  const key = await box.ledger.apiKey(prefix)
  if (!key) throw new NotFoundError('API_KEY_NOT_FOUND', prefix)
  return { accountId: key.accountId, apiKeyId: key.apiKeyId }
}

function keyService(row: { service_type: string; provider?: string; enabled?: boolean; cost_limit_per_request?: bigint }) {
  return {
    service: row.service_type,
    provider: row.provider,
    enabled: row.enabled,
    costLimitPerRequest: row.cost_limit_per_request as never,
  }
}
