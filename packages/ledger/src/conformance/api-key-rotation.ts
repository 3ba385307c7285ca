import { inspect } from 'node:util'
import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import type { CreateApiKeyInput, RotateApiKeyInput } from '../inputs.ts'
import { keyPermission } from '../key-ring.ts'
import { DAY, expectInvalid, HOUR, type Suite, work } from './suite.ts'

export function exerciseApiKeyRotation(suite: Suite): void {
  async function create(accountId: string, more: Partial<CreateApiKeyInput> = {}) {
    const outcome = await suite.ledger.createApiKey({ accountId, apiKeyId: 'k', ...more })
    if (outcome.status !== 'created' || outcome.secret === undefined) throw new Error('the key was not created')
    return { ...outcome, secret: outcome.secret }
  }
  async function rotate(accountId: string, more: Partial<RotateApiKeyInput> = {}) {
    const outcome = await suite.ledger.rotateApiKey({ accountId, apiKeyId: 'k', ...more })
    if (outcome.secret === undefined) throw new Error('the secret was not shown')
    return { ...outcome, secret: outcome.secret }
  }
  const isGood = async (secret: string) => (await suite.ledger.authenticate(secret)) !== undefined

  describe('rotating an API key', () => {
    it('the key keeps everything but its secret, and the secret of before is good for a day', async () => {
      const accountId = await suite.account(5_000)
      const services = [{ service: 'gpt', provider: 'gpt-4o', costLimitPerRequest: credits(5) }]
      const expiresAt = suite.now + 90 * DAY
      const before = await create(accountId, { name: 'server', userId: 'ada', services, expiresAt })
      const after = await rotate(accountId)
      expect(after).toEqual({
        status: 'rotated',
        apiKeyId: 'k',
        prefix: after.secret.slice(4, 12),
        secret: expect.stringMatching(/^fbx_[0-9A-Za-z]{43}$/),
        previousPrefix: before.prefix,
        previousUntil: suite.now + DAY,
        replayed: false,
      })
      for (const secret of [before.secret, after.secret]) {
        const key = await suite.ledger.authenticate(secret)
        expect(key).toMatchObject({ accountId, apiKeyId: 'k', prefix: after.prefix, name: 'server', userId: 'ada', expiresAt })
        expect(key && keyPermission(key, 'gpt', 'gpt-4o')).toEqual({ costLimitPerRequest: credits(5) })
        expect(key && keyPermission(key, 'phone', 'twilio')).toBeUndefined()
      }
      suite.now += DAY - 1
      expect(await isGood(before.secret)).toBe(true)
      suite.now += 1
      expect(await isGood(before.secret)).toBe(false)
      expect(await suite.another().authenticate(before.secret)).toBeUndefined()
      expect(await isGood(after.secret)).toBe(true)
      const { previousPrefix } = after
      expect(await suite.ledger.apiKeys(accountId)).toMatchObject([{ prefix: after.prefix, previousPrefix, expiresAt }])
      expect(await suite.ledger.apiKey(before.prefix)).toMatchObject({ apiKeyId: 'k', prefix: after.prefix })
    })

    it('with no grace the secret of before ends at once, also one that was good a moment ago', async () => {
      const accountId = await suite.account(5_000)
      const before = await create(accountId)
      expect(await isGood(before.secret)).toBe(true)
      const after = await rotate(accountId, { graceMs: 0 })
      expect(await isGood(before.secret)).toBe(false)
      expect(await isGood(after.secret)).toBe(true)
    })

    it('there are two secrets at most: another rotation ends the one before the last', async () => {
      const accountId = await suite.account(5_000)
      const first = await create(accountId)
      const second = await rotate(accountId)
      const third = await rotate(accountId, { graceMs: HOUR })
      expect([await isGood(first.secret), await isGood(second.secret), await isGood(third.secret)]).toEqual([false, true, true])
      suite.now += HOUR
      expect([await isGood(second.secret), await isGood(third.secret)]).toEqual([false, true])
    })

    it('a grace does not outlive the key, and a revocation ends both secrets', async () => {
      const accountId = await suite.account(5_000)
      const before = await create(accountId, { expiresAt: suite.now + HOUR })
      const after = await rotate(accountId)
      expect(after.previousUntil).toBe(suite.now + HOUR)
      expect([await isGood(before.secret), await isGood(after.secret)]).toEqual([true, true])
      await suite.ledger.revokeApiKey({ accountId, apiKeyId: 'k' })
      expect([await isGood(before.secret), await isGood(after.secret)]).toEqual([false, false])
    })

    it('under one idempotency key it happens once, and the secret is not shown again', async () => {
      const accountId = await suite.account(5_000)
      await create(accountId)
      const { secret, ...first } = await rotate(accountId, { idempotencyKey: 'r' })
      expect(await suite.ledger.rotateApiKey({ accountId, apiKeyId: 'k', idempotencyKey: 'r' })).toEqual({
        ...first,
        replayed: true,
      })
      expect(await isGood(secret)).toBe(true)
      await expect(
        suite.ledger.rotateApiKey({ accountId, apiKeyId: 'k', idempotencyKey: 'r', graceMs: 5 }),
      ).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', differs: ['graceMs'] })
      const kept = [await suite.ledger.statement(accountId), await suite.ledger.apiKeys(accountId)]
      expect(inspect(kept, { depth: 9 })).not.toContain(secret.slice(12))
    })

    it("the key's budget and its usage go on counting", async () => {
      const accountId = await suite.account(5_000)
      await create(accountId)
      await suite.ledger.setBudget({ accountId, apiKeyId: 'k', period: 'total', limit: credits(10) })
      const hold = () => suite.ledger.placeHold({ accountId, ...work, apiKeyId: 'k', amount: credits(6) })
      expect(await hold()).toMatchObject({ status: 'held' })
      await rotate(accountId)
      expect(await hold()).toMatchObject({ status: 'refused', reason: 'budget_exceeded', available: credits(4) })
    })

    it('an account without the balance that a new key needs may rotate the one that it has', async () => {
      const accountId = await suite.account(5_000)
      await create(accountId)
      await suite.hold(accountId, 4_000)
      expect(await isGood((await rotate(accountId)).secret)).toBe(true)
    })

    it('a key that is not there, was revoked or has expired is not rotated', async () => {
      const accountId = await suite.account(5_000)
      await expect(suite.ledger.rotateApiKey({ accountId, apiKeyId: 'none' })).rejects.toMatchObject({
        code: 'API_KEY_NOT_FOUND',
        id: 'none',
      })
      await create(accountId, { expiresAt: suite.now + HOUR })
      await expectInvalid('graceMs', () => rotate(accountId, { graceMs: -1 }))
      await expectInvalid('graceMs', () => rotate(accountId, { graceMs: 1.5 }))
      suite.now += HOUR
      await expectInvalid('apiKeyId', () => rotate(accountId))
      await create(accountId, { apiKeyId: 'revoked' })
      await suite.ledger.revokeApiKey({ accountId, apiKeyId: 'revoked' })
      await expectInvalid('apiKeyId', () => rotate(accountId, { apiKeyId: 'revoked' }))
    })

    it('a secret of the host’s own is taken, unless its start leads to a key already', async () => {
      const accountId = await suite.account(5_000)
      await create(accountId)
      const mine = `${Math.random().toString(36).slice(2, 10).padEnd(8, '0')}-of-my-own`
      const own = await suite.ledger.rotateApiKey({ accountId, apiKeyId: 'k', secret: mine })
      expect(own).toMatchObject({ prefix: mine.slice(0, 8), secret: mine })
      expect(await isGood(mine)).toBe(true)
      await expect(suite.ledger.rotateApiKey({ accountId, apiKeyId: 'k', secret: `${mine}!` })).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
      })
    })
  })
}
