import { describe, expect, it } from 'vitest'
import { Ledger } from '../ledger.ts'
import { MINUTE, type Suite } from './suite.ts'

export function exerciseApiKeyUse(suite: Suite): void {
  /** The ledger of another process on the same database, which closes without closing the driver that the suite still needs. */
  function elsewhere(isAway: () => boolean = () => false): Ledger {
    const driver = new Proxy(suite.underTest.driver, {
      get(target, name) {
        if (name === 'close') return async () => undefined
        if (name === 'commit' && isAway()) return () => Promise.reject(new Error('away'))
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    return new Ledger(driver)
  }
  async function create(): Promise<{ accountId: string; secret: string }> {
    const accountId = await suite.account(5_000)
    const outcome = await suite.ledger.createApiKey({ accountId, apiKeyId: 'k' })
    return { accountId, secret: (outcome as { secret: string }).secret }
  }
  const lastUsed = async (accountId: string) => (await suite.ledger.apiKeys(accountId))[0]?.lastUsedAt
  /** What is written is written beside the call. */
  const written = (accountId: string) => expect.poll(() => lastUsed(accountId), { interval: 5 })

  describe('when an API key was last used', () => {
    it('a key that was never used says so, and one that is used says when', async () => {
      const { accountId, secret } = await create()
      expect(await lastUsed(accountId)).toBeNull()
      await suite.ledger.authenticate(`${secret}x`)
      expect(await lastUsed(accountId)).toBeNull()
      suite.now += 7
      await suite.ledger.authenticate(secret)
      await written(accountId).toBe(suite.now)
    })

    it('it is written at most once a minute, and exactly when the ledger closes', async () => {
      const { accountId, secret } = await create()
      const ledger = elsewhere()
      const first = suite.now
      await ledger.authenticate(secret)
      await written(accountId).toBe(first)
      for (let call = 0; call < 59; call++) {
        suite.now += 1_000
        await ledger.authenticate(secret)
      }
      // The queue is ordered, so once another change is done, everything queued before it has been written.
      await ledger.setKeyServices({ accountId, apiKeyId: 'k', services: [] })
      expect(await lastUsed(accountId)).toBe(first)
      suite.now = first + MINUTE
      await ledger.authenticate(secret)
      await written(accountId).toBe(first + MINUTE)
      suite.now += 5_000
      await ledger.authenticate(secret)
      await ledger.close()
      expect(await lastUsed(accountId)).toBe(first + MINUTE + 5_000)
    })

    it('of several processes the latest counts', async () => {
      const { accountId, secret } = await create()
      const late = elsewhere()
      const early = elsewhere()
      const noon = suite.now
      suite.now = noon + 2 * MINUTE
      await late.authenticate(secret)
      await written(accountId).toBe(noon + 2 * MINUTE)
      suite.now = noon
      await early.authenticate(secret)
      await early.close()
      await late.close()
      expect(await lastUsed(accountId)).toBe(noon + 2 * MINUTE)
    })

    it('it survives a rotation and a revocation, and is no entry of the journal', async () => {
      const { accountId, secret } = await create()
      await suite.ledger.authenticate(secret)
      await written(accountId).toBe(suite.now)
      await suite.ledger.rotateApiKey({ accountId, apiKeyId: 'k' })
      await suite.ledger.revokeApiKey({ accountId, apiKeyId: 'k' })
      expect(await lastUsed(accountId)).toBe(suite.now)
      const verbs = (await suite.ledger.statement(accountId)).items.map(({ verb }) => verb)
      expect(verbs).toEqual(['revokeApiKey', 'rotateApiKey', 'createApiKey', 'grant', 'openAccount'])
    })

    it('a database that cannot write it fails nobody, and is told at the end', async () => {
      const { accountId, secret } = await create()
      let isAway = true
      const ledger = elsewhere(() => isAway)
      expect(await ledger.authenticate(secret)).toBeDefined()
      expect(await ledger.authenticate(secret)).toBeDefined()
      expect(await lastUsed(accountId)).toBeNull()
      isAway = false
      await ledger.close()
      expect(await lastUsed(accountId)).toBe(suite.now)
    })
  })
}
