import { credits } from '@farebox/core'
import { describe, expect, it, vi } from 'vitest'
import type { CreateApiKeyInput } from '../inputs.ts'
import { keyPermission } from '../key-ring.ts'
import { Ledger } from '../ledger.ts'
import type { AuthenticatedKey } from '../reader.ts'
import { DAY, expectInvalid, type Suite } from './suite.ts'

export function exerciseApiKeys(suite: Suite): void {
  async function create(accountId: string, more: Partial<CreateApiKeyInput> & { secret?: string } = {}) {
    const outcome = await suite.ledger.createApiKey({ accountId, ...more })
    if (outcome.status !== 'created' || outcome.secret === undefined)
      throw new Error(`the key was not created: ${outcome.status}`)
    return { ...outcome, secret: outcome.secret }
  }
  async function authenticated(secret: string): Promise<AuthenticatedKey> {
    const key = await suite.ledger.authenticate(secret)
    if (!key) throw new Error('the key is not good')
    return key
  }

  describe('API keys', () => {
    it('a key is shown once, names its account, and is kept as a hash alone', async () => {
      const accountId = await suite.account(5_000)
      const { secret, apiKeyId, prefix } = await create(accountId, { apiKeyId: 'k', name: 'server', userId: 'ada' })
      expect(secret).toMatch(/^fbx_[0-9A-Za-z]{43}$/)
      expect(prefix).toBe(secret.slice(4, 12))
      expect(await suite.ledger.authenticate(secret)).toMatchObject({
        accountId,
        apiKeyId,
        prefix,
        name: 'server',
        userId: 'ada',
        expiresAt: null,
        services: [],
      })
      const replay = await suite.ledger.createApiKey({ accountId, apiKeyId: 'k', name: 'server', userId: 'ada' })
      expect(replay).toEqual({ status: 'created', apiKeyId: 'k', prefix, replayed: true })
      const kept = JSON.stringify([await suite.ledger.statement(accountId), await suite.ledger.apiKeys(accountId)], (_, value) =>
        typeof value === 'bigint' ? value.toString() : value,
      )
      expect(kept).not.toContain(secret.slice(12))
    })

    it('another secret of the caller under the same key is a conflict, which does not tell it', async () => {
      const accountId = await suite.account(5_000)
      const [one, other] = [`${accountId} one`, `${accountId} other`].map((text) => text.replaceAll(/[- ]/g, '_'))
      const ask = (secret?: string) => ({ accountId, apiKeyId: 'k', secret })
      const created = await create(accountId, ask(one))
      expect(await suite.ledger.createApiKey(ask(one))).toMatchObject({ prefix: created.prefix, replayed: true })
      for (const secret of [other, 'quite_another', undefined]) {
        const error = await suite.ledger.createApiKey(ask(secret)).catch((thrown: unknown) => thrown)
        expect(error).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', differs: ['secret'] })
        for (const text of [one, other]) expect(String(error)).not.toContain(text)
      }
      expect(await authenticated(one ?? '')).toMatchObject({ apiKeyId: 'k' })
      const rotate = (secret: string) => suite.ledger.rotateApiKey({ accountId, apiKeyId: 'k', idempotencyKey: 'r', secret })
      const next = `next_${one}`
      await rotate(next)
      expect(await rotate(next)).toMatchObject({ replayed: true })
      await expect(rotate(`${next}!`)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', differs: ['secret'] })
    })

    it('an account needs 5,000 credits available to make a key, or what the caller says', async () => {
      const accountId = await suite.account(5_000)
      const holdId = await suite.hold(accountId, 1)
      expect(await suite.ledger.createApiKey({ accountId })).toEqual({
        status: 'refused',
        reason: 'insufficient_balance',
        available: credits(4_999),
        requested: credits(5_000),
      })
      expect(await suite.ledger.createApiKey({ accountId, minimumBalance: credits(4_999) })).toMatchObject({ status: 'created' })
      await suite.ledger.releaseHold({ accountId, holdId })
      expect(await suite.ledger.createApiKey({ accountId })).toMatchObject({ status: 'created' })
      expect(await suite.ledger.apiKeys(accountId)).toHaveLength(2)
    })

    it('a key that is a character off, cut or made up is nobody', async () => {
      const accountId = await suite.account(5_000)
      const { secret } = await create(accountId)
      const last = secret.at(-1) === 'A' ? 'B' : 'A'
      for (const wrong of [
        secret.slice(0, -1) + last,
        secret.slice(0, -1),
        `${secret}A`,
        secret.slice(4),
        secret.slice(0, 12),
        '',
        'fbx_',
        'x'.repeat(10_000),
      ]) {
        expect(await suite.ledger.authenticate(wrong), wrong).toBeUndefined()
      }
      // A request may carry no header, or the same twice.
      for (const none of [undefined, null, [secret]] as never[]) {
        expect(await suite.ledger.authenticate(none)).toBeUndefined()
        expect(suite.ledger.knownKey(none)).toBeUndefined()
      }
      expect(await suite.ledger.authenticate(secret)).toMatchObject({ accountId })
    })

    it('is known without the database once it was asked about, until it is revoked or ends', async () => {
      const accountId = await suite.account(5_000)
      const { secret, apiKeyId } = await create(accountId, { expiresAt: suite.now + DAY })
      const ledger = suite.another()
      expect(ledger.knownKey(secret)).toBeUndefined()
      const key = await ledger.authenticate(secret)
      expect(ledger.knownKey(secret)).toBe(key)
      for (const wrong of ['', `${secret}A`, 'x'.repeat(10_000)]) expect(ledger.knownKey(wrong), wrong).toBeUndefined()
      suite.now += DAY
      expect(ledger.knownKey(secret)).toBeUndefined()
      suite.now -= 1
      expect(ledger.knownKey(secret)).toBe(key)
      await ledger.revokeApiKey({ accountId, apiKeyId })
      expect(ledger.knownKey(secret)).toBeUndefined()
    })

    it('a revoked key is refused at once, also one that was good a moment ago', async () => {
      const accountId = await suite.account(5_000)
      const { secret, apiKeyId } = await create(accountId)
      await authenticated(secret)
      expect(await suite.ledger.revokeApiKey({ accountId, apiKeyId })).toEqual({ status: 'revoked', apiKeyId, replayed: false })
      expect(await suite.ledger.authenticate(secret)).toBeUndefined()
      expect(await suite.another().authenticate(secret)).toBeUndefined()
      const [first] = await suite.ledger.apiKeys(accountId)
      expect(first?.revokedAt).toBe(suite.now)
      suite.now += 5
      await suite.ledger.revokeApiKey({ accountId, apiKeyId, idempotencyKey: 'again' })
      expect((await suite.ledger.apiKeys(accountId))[0]?.revokedAt).toBe(first?.revokedAt)
    })

    it('a key that is looked up while it is revoked is not remembered as good', async () => {
      const accountId = await suite.account(5_000)
      for (let round = 0; round < 10; round++) {
        const { secret, apiKeyId } = await create(accountId)
        await Promise.all([
          suite.ledger.authenticate(secret),
          suite.ledger.revokeApiKey({ accountId, apiKeyId }),
          suite.ledger.authenticate(secret),
        ])
        expect(await suite.ledger.authenticate(secret)).toBeUndefined()
      }
    })

    it("a key is refused once it has expired on the store's clock, also one that was good a moment ago", async () => {
      const accountId = await suite.account(5_000)
      const { secret } = await create(accountId, { expiresAt: suite.now + DAY })
      expect(await suite.ledger.authenticate(secret)).toMatchObject({ expiresAt: suite.now + DAY })
      suite.now += DAY - 1
      expect(await suite.ledger.authenticate(secret)).toBeDefined()
      suite.now += 1
      expect(await suite.ledger.authenticate(secret)).toBeUndefined()
      expect(await suite.another().authenticate(secret)).toBeUndefined()
    })

    it('a key that is presented again and again is looked up once in ten seconds, which is how long another process may lag', async () => {
      const accountId = await suite.account(5_000)
      const { secret, apiKeyId } = await create(accountId)
      let reads = 0
      const counting = new Proxy(suite.underTest.driver, {
        get(driver, name) {
          if (name === 'select') reads++
          const value: unknown = Reflect.get(driver, name)
          return typeof value === 'function' ? value.bind(driver) : value
        },
      })
      const elsewhere = new Ledger(counting)
      await elsewhere.authenticate(secret)
      const once = reads
      for (let call = 0; call < 50; call++) expect(await elsewhere.authenticate(secret)).toBeDefined()
      expect(reads).toBe(once)
      await suite.ledger.revokeApiKey({ accountId, apiKeyId })
      expect(await suite.ledger.authenticate(secret)).toBeUndefined()
      const started = performance.now()
      const clock = vi.spyOn(performance, 'now')
      try {
        clock.mockReturnValue(started + 9_000)
        expect(await elsewhere.authenticate(secret)).toBeDefined()
        clock.mockReturnValue(started + 11_000)
        expect(await elsewhere.authenticate(secret)).toBeUndefined()
      } finally {
        clock.mockRestore()
      }
    })

    it('a credit line does not make up for the balance that a key needs', async () => {
      const accountId = await suite.account(4_999, { creditLimit: credits(10_000) })
      expect(await suite.ledger.createApiKey({ accountId })).toMatchObject({ status: 'refused', available: credits(4_999) })
      expect(await suite.ledger.createApiKey({ accountId, minimumBalance: credits(0) })).toMatchObject({ status: 'created' })
    })

    it('a key of the host’s own works like any other, and its start leads to one key only', async () => {
      const accountId = await suite.account(10_000)
      const secret = `demo-key-${Math.random().toString(36).slice(2)}${Date.now()}`
      const mine = Math.random().toString(36).slice(2, 10).padEnd(8, '0') + secret
      await create(accountId, { secret: mine, apiKeyId: 'demo' })
      expect(await authenticated(mine)).toMatchObject({ apiKeyId: 'demo', prefix: mine.slice(0, 8) })
      await expect(
        suite.ledger.createApiKey({ accountId, secret: `${mine.slice(0, 8)} other`.replace(' ', '') }),
      ).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
      })
      for (const short of ['', 'seven77', 'has a blank in it']) {
        await expectInvalid('secret', () => suite.ledger.createApiKey({ accountId, secret: short }))
      }
    })

    it('a key may use the services that it names, at the limits that it names', async () => {
      const accountId = await suite.account(5_000)
      const { secret } = await create(accountId, {
        services: [
          { service: 'gpt', costLimitPerRequest: credits(5) },
          { service: 'gpt', provider: 'gpt-4', enabled: false },
          { service: 'phone', provider: 'twilio', costLimitPerRequest: credits('0.5') },
        ],
      })
      const key = await authenticated(secret)
      expect(keyPermission(key, 'gpt', 'gpt-4o')).toEqual({ costLimitPerRequest: credits(5) })
      expect(keyPermission(key, 'gpt')).toEqual({ costLimitPerRequest: credits(5) })
      expect(keyPermission(key, 'gpt', 'gpt-4')).toBeUndefined()
      expect(keyPermission(key, 'phone', 'twilio')).toEqual({ costLimitPerRequest: 500_000n })
      expect(keyPermission(key, 'phone', 'other')).toBeUndefined()
      expect(keyPermission(key, 'vision', 'gpt-4o')).toBeUndefined()
    })

    it('a key without any rows may use everything', async () => {
      const accountId = await suite.account(5_000)
      const key = await authenticated((await create(accountId)).secret)
      expect(keyPermission(key, 'anything', 'anyone')).toEqual({ costLimitPerRequest: null })
    })

    it('an empty list leaves a key nothing, also one that could use everything', async () => {
      const accountId = await suite.account(10_000)
      const made = await suite.ledger.createApiKey({ accountId, apiKeyId: 'k' })
      await suite.ledger.setKeyServices({ accountId, apiKeyId: 'k', services: [] })
      const key = await suite.ledger.authenticate((made as { secret: string }).secret)
      expect(key && keyPermission(key, 'gpt', 'gpt-4o')).toBeUndefined()
      await expectInvalid('services', () => suite.ledger.createApiKey({ accountId, services: [] }))
    })

    it('what a key may use can be replaced, at once; rows of before stay, disabled', async () => {
      const accountId = await suite.account(5_000)
      const { secret, apiKeyId } = await create(accountId, { services: [{ service: 'gpt' }, { service: 'phone' }] })
      await authenticated(secret)
      await suite.ledger.setKeyServices({
        accountId,
        apiKeyId,
        services: [{ service: 'phone', costLimitPerRequest: credits(7) }, { service: 'vision' }],
      })
      const key = await authenticated(secret)
      expect(
        key.services.map(({ service, enabled, costLimitPerRequest }) => ({ service, enabled, costLimitPerRequest })),
      ).toEqual([
        { service: 'gpt', enabled: false, costLimitPerRequest: null },
        { service: 'phone', enabled: true, costLimitPerRequest: credits(7) },
        { service: 'vision', enabled: true, costLimitPerRequest: null },
      ])
      expect(keyPermission(key, 'gpt')).toBeUndefined()
      await suite.ledger.setKeyServices({ accountId, apiKeyId, services: [] })
      expect(keyPermission(await authenticated(secret), 'vision')).toBeUndefined()
    })

    it('a permission for a whole service is for providers too that were named before, whatever they were allowed then', async () => {
      const accountId = await suite.account(5_000)
      const services = [
        { service: 'gpt', provider: 'gpt-4o', costLimitPerRequest: credits(1) },
        { service: 'gpt', provider: 'gpt-4', enabled: false },
        { service: 'phone', provider: 'twilio' },
      ]
      const { secret, apiKeyId } = await create(accountId, { services })
      await suite.ledger.setKeyServices({ accountId, apiKeyId, services: [{ service: 'gpt', costLimitPerRequest: credits(7) }] })
      const key = await authenticated(secret)
      for (const provider of ['gpt-4o', 'gpt-4', 'gpt-5', undefined]) {
        expect(keyPermission(key, 'gpt', provider), provider).toEqual({ costLimitPerRequest: credits(7) })
      }
      expect(keyPermission(key, 'phone', 'twilio')).toBeUndefined()
      await suite.ledger.setKeyServices({ accountId, apiKeyId, services: [{ service: 'gpt', provider: 'gpt-5' }] })
      const narrowed = await authenticated(secret)
      expect(keyPermission(narrowed, 'gpt', 'gpt-5')).toEqual({ costLimitPerRequest: null })
      for (const provider of ['gpt-4o', 'gpt-4', undefined]) expect(keyPermission(narrowed, 'gpt', provider)).toBeUndefined()
    })

    it('two permissions for the same service and provider are refused by name', async () => {
      const accountId = await suite.account(5_000)
      const twice = [{ service: 'gpt' }, { service: 'phone' }, { service: 'gpt', enabled: false }]
      await expectInvalid('services[2]', () => suite.ledger.createApiKey({ accountId, services: twice }))
      const { apiKeyId } = await create(accountId)
      await expectInvalid('services[2]', () => suite.ledger.setKeyServices({ accountId, apiKeyId, services: twice }))
      expect(await suite.ledger.apiKeys(accountId)).toHaveLength(1)
    })

    it('permissions that are not permissions are refused by name', async () => {
      const accountId = await suite.account(5_000)
      const services = (value: unknown) => () => suite.ledger.createApiKey({ accountId, services: value as never })
      await expectInvalid('services', services('gpt'))
      await expectInvalid('services[0]', services([null]))
      await expectInvalid('services[0].service', services([{ service: 'GPT' }]))
      await expectInvalid('services[0].service', services([{}]))
      await expectInvalid('services[1].provider', services([{ service: 'gpt' }, { service: 'gpt', provider: '' }]))
      await expectInvalid('services[0].costLimitPerRequest', services([{ service: 'gpt', costLimitPerRequest: -1n }]))
      await expectInvalid('services[0].enabled', services([{ service: 'gpt', enabled: 'no' }]))
      await expectInvalid('expiresAt', () => suite.ledger.createApiKey({ accountId, expiresAt: Number.NaN }))
      await expectInvalid('expiresAt', () => suite.ledger.createApiKey({ accountId, expiresAt: suite.now }))
      await expectInvalid('minimumBalance', () => suite.ledger.createApiKey({ accountId, minimumBalance: -1n as never }))
      expect(await suite.ledger.apiKeys(accountId)).toEqual([])
    })

    it('an unknown key is not found', async () => {
      const accountId = await suite.account(5_000)
      for (const call of [
        () => suite.ledger.revokeApiKey({ accountId, apiKeyId: 'none' }),
        () => suite.ledger.setKeyServices({ accountId, apiKeyId: 'none', services: [] }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'API_KEY_NOT_FOUND', id: 'none' })
      }
      expect(await suite.ledger.apiKey('nokey000')).toBeUndefined()
    })
  })
}
