import { microCredits } from '@farebox/core'
import type { KeyServiceInput } from '../inputs.ts'
import type { Failure, Operations, Outcomes } from '../operations.ts'
import type { ApiKeyServiceRow } from '../rows.ts'
import type { LedgerState } from './state.ts'
import { type Decision, overAlready, refuse, type Step } from './step.ts'

/** Creates a key that spends from the account. A credit line does not count: it is no sign that anybody has paid. */
export function createApiKey({ state, account, now }: Step, input: Operations['createApiKey']): Decision<'createApiKey'> {
  const { apiKeyId, prefix } = input
  if (state.apiKey(account.accountId, apiKeyId)) {
    return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'API key', id: apiKeyId })
  }
  if (state.keyPrefix(prefix)) return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'API key prefix', id: prefix })
  const isOver = overAlready(input.expiresAt, now)
  if (isOver) return refuse(isOver)
  const available = microCredits(account.posted - account.held)
  if (available < input.minimumBalance) {
    return refuse({ status: 'refused', reason: 'insufficient_balance', available, requested: input.minimumBalance })
  }
  state.insert('api_keys', {
    accountId: account.accountId,
    apiKeyId,
    prefix,
    hash: input.hash,
    name: input.name,
    userId: input.userId ?? null,
    createdAt: now,
    expiresAt: input.expiresAt ?? null,
    revokedAt: null,
    previousPrefix: null,
    previousHash: null,
    previousUntil: null,
    lastUsedAt: null,
  })
  state.insert('api_key_prefixes', { prefix, accountId: account.accountId, apiKeyId })
  for (const service of input.services) addService({ state, account, now }, apiKeyId, service)
  return { done: { status: 'created', apiKeyId, prefix, replayed: false }, postings: [] }
}

/**
 * Gives a key a new secret. It stays the same key, so it keeps its permissions, budgets and usage. A key has two secrets at most:
 * the one before the previous ends now, even within its grace period.
 */
export function rotateApiKey({ state, account, now }: Step, input: Operations['rotateApiKey']): Decision<'rotateApiKey'> {
  const { apiKeyId, prefix, hash, graceMs } = input
  const key = state.apiKey(account.accountId, apiKeyId)
  if (!key) return refuse({ status: 'failed', code: 'API_KEY_NOT_FOUND', id: apiKeyId })
  if (key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now)) {
    const problem = `names a key that ${key.revokedAt === null ? 'has expired' : 'was revoked'}: create another one`
    return refuse({ status: 'failed', code: 'INVALID_INPUT', field: 'apiKeyId', problem })
  }
  if (state.keyPrefix(prefix)) return refuse({ status: 'failed', code: 'ALREADY_EXISTS', what: 'API key prefix', id: prefix })
  const previousPrefix = key.prefix
  const previousUntil = Math.min(now + graceMs, key.expiresAt ?? Number.POSITIVE_INFINITY)
  Object.assign(key, { prefix, hash, previousPrefix, previousHash: key.hash, previousUntil })
  state.touch('api_keys', key)
  state.insert('api_key_prefixes', { prefix, accountId: account.accountId, apiKeyId })
  return { done: { status: 'rotated', apiKeyId, prefix, previousPrefix, previousUntil, replayed: false }, postings: [] }
}

/** Records when a key was last used. Several processes report this, and the latest time wins. */
export function noteKeyUse(
  state: LedgerState,
  accountId: string,
  { apiKeyId, at }: Operations['noteKeyUse'],
): Outcomes['noteKeyUse'] | Failure {
  const key = state.apiKey(accountId, apiKeyId)
  if (!key) return { status: 'failed', code: 'API_KEY_NOT_FOUND', id: apiKeyId }
  if (key.lastUsedAt === null || key.lastUsedAt < at) {
    key.lastUsedAt = at
    state.touch('api_keys', key)
  }
  return { status: 'noted', replayed: false }
}

/** Ends a key for good, with all its secrets. */
export function revokeApiKey({ state, account, now }: Step, input: Operations['revokeApiKey']): Decision<'revokeApiKey'> {
  const key = state.apiKey(account.accountId, input.apiKeyId)
  if (!key) return refuse({ status: 'failed', code: 'API_KEY_NOT_FOUND', id: input.apiKeyId })
  key.revokedAt ??= now
  state.touch('api_keys', key)
  return { done: { status: 'revoked', apiKeyId: key.apiKeyId, replayed: false }, postings: [] }
}

/**
 * Replaces what a key may use. Earlier rows that are not named again stay, so that the table keeps its history. They are
 * disabled, unless their whole service is named: a row for one provider takes precedence over that, so it gets the same settings.
 */
export function setKeyServices(step: Step, input: Operations['setKeyServices']): Decision<'setKeyServices'> {
  const { state, account } = step
  const key = state.apiKey(account.accountId, input.apiKeyId)
  if (!key) return refuse({ status: 'failed', code: 'API_KEY_NOT_FOUND', id: input.apiKeyId })
  const before = state.keyServices(account.accountId, input.apiKeyId)
  for (const row of before) {
    const whole = input.services.find(({ service, provider }) => service === row.serviceType && provider === undefined)
    if (whole) setService(row, whole)
    else row.enabled = false
    state.touch('api_key_services', row)
  }
  for (const service of input.services) {
    const known = before.find((row) => row.serviceType === service.service && row.provider === (service.provider ?? null))
    if (known) setService(known, service)
    else addService(step, input.apiKeyId, service)
  }
  // A key without rows may use everything, so a key that may use nothing needs a row: a disabled one that names no service.
  if (before.length === 0 && input.services.length === 0) {
    addService(step, input.apiKeyId, { id: `${input.apiKeyId}::`, service: '*', enabled: false })
  }
  return { done: { status: 'set', apiKeyId: input.apiKeyId, replayed: false }, postings: [] }
}

function addService({ state, account, now }: Step, apiKeyId: string, service: KeyServiceInput & { id: string }): void {
  const row: ApiKeyServiceRow = {
    accountId: account.accountId,
    id: service.id,
    apiKeyId,
    serviceType: service.service,
    provider: service.provider ?? null,
    enabled: true,
    costLimitPerRequest: null,
    createdAt: now,
  }
  setService(row, service)
  state.insert('api_key_services', row)
}

function setService(row: ApiKeyServiceRow, service: KeyServiceInput): void {
  row.enabled = service.enabled ?? true
  row.costLimitPerRequest = service.costLimitPerRequest ?? null
}
