import { credits } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import { START } from '../testing/memory-rows.ts'
import { OneAccount } from '../testing/one-account.ts'

const key = { apiKeyId: 'k', name: 'main', prefix: 'fbx_1', hash: 'hash-1', services: [], minimumBalance: credits(0) }

describe('an API key', () => {
  test('is made with all that was said of it, and its prefix leads to it', () => {
    const ledger = new OneAccount(10)
    const services = [
      { id: 'k:gpt:', service: 'gpt' },
      { id: 'k:phone:x', service: 'phone', provider: 'x', enabled: false, costLimitPerRequest: credits(3) },
    ]
    const outcome = ledger.do('createApiKey', { ...key, userId: 'ada', expiresAt: START + 9, services })
    expect(outcome).toEqual({ status: 'created', apiKeyId: 'k', prefix: 'fbx_1', replayed: false })
    const row = { accountId: 'a', apiKeyId: 'k', prefix: 'fbx_1', hash: 'hash-1', name: 'main', userId: 'ada' }
    const never = { revokedAt: null, previousPrefix: null, previousHash: null, previousUntil: null, lastUsedAt: null }
    expect(ledger.all('api_keys')).toEqual([{ ...row, ...never, createdAt: START, expiresAt: START + 9 }])
    expect(ledger.all('api_key_prefixes')).toEqual([{ prefix: 'fbx_1', accountId: 'a', apiKeyId: 'k' }])
    const service = { accountId: 'a', apiKeyId: 'k', createdAt: START }
    expect(ledger.all('api_key_services')).toEqual([
      { ...service, id: 'k:gpt:', serviceType: 'gpt', provider: null, enabled: true, costLimitPerRequest: null },
      { ...service, id: 'k:phone:x', serviceType: 'phone', provider: 'x', enabled: false, costLimitPerRequest: credits(3) },
    ])
    expect(ledger.entry.postings).toEqual([])
  })

  test('needs a balance that no hold has set aside, of which a credit line is no part', () => {
    const ledger = new OneAccount(10, { creditLimit: credits(50) })
    ledger.do('placeHold', { holdId: 'h', amount: credits(4) })
    expect(ledger.do('createApiKey', { ...key, minimumBalance: credits(7) })).toEqual({
      status: 'refused',
      reason: 'insufficient_balance',
      available: credits(6),
      requested: credits(7),
    })
    expect(ledger.all('api_keys')).toEqual([])
    expect(ledger.do('createApiKey', { ...key, minimumBalance: credits(6) })).toMatchObject({ status: 'created' })
  })

  test('is refused an id or a prefix that is taken', () => {
    const ledger = new OneAccount(10)
    ledger.do('createApiKey', key)
    const taken = (what: string, id: string) => ({ status: 'failed', code: 'ALREADY_EXISTS', what, id })
    expect(ledger.do('createApiKey', { ...key, prefix: 'fbx_2' })).toEqual(taken('API key', 'k'))
    expect(ledger.do('createApiKey', { ...key, apiKeyId: 'other' })).toEqual(taken('API key prefix', 'fbx_1'))
    expect(ledger.do('rotateApiKey', { apiKeyId: 'k', prefix: 'fbx_1', hash: 'x', graceMs: 0 })).toEqual(
      taken('API key prefix', 'fbx_1'),
    )
    expect(ledger.all('api_keys')).toMatchObject([{ userId: null, expiresAt: null, hash: 'hash-1' }])
  })

  test('that is unknown fails every verb', () => {
    const ledger = new OneAccount(10)
    const unknown = { status: 'failed', code: 'API_KEY_NOT_FOUND', id: 'nobody' }
    expect(ledger.do('rotateApiKey', { apiKeyId: 'nobody', prefix: 'p', hash: 'x', graceMs: 0 })).toEqual(unknown)
    expect(ledger.do('revokeApiKey', { apiKeyId: 'nobody' })).toEqual(unknown)
    expect(ledger.do('setKeyServices', { apiKeyId: 'nobody', services: [] })).toEqual(unknown)
    expect(ledger.do('noteKeyUse', { apiKeyId: 'nobody', at: 1 }, null)).toEqual(unknown)
  })
})

describe('rotating a key', () => {
  const rotate = (ledger: OneAccount, n: number, graceMs: number) =>
    ledger.do('rotateApiKey', { apiKeyId: 'k', prefix: `fbx_${n}`, hash: `hash-${n}`, graceMs })

  test('gives it another secret, and the one before a while', () => {
    const ledger = new OneAccount(10)
    ledger.do('createApiKey', key)
    expect(rotate(ledger, 2, 100)).toEqual({
      status: 'rotated',
      apiKeyId: 'k',
      prefix: 'fbx_2',
      previousPrefix: 'fbx_1',
      previousUntil: START + 100,
      replayed: false,
    })
    expect(ledger.all('api_keys')).toMatchObject([
      { prefix: 'fbx_2', hash: 'hash-2', previousPrefix: 'fbx_1', previousHash: 'hash-1', previousUntil: START + 100 },
    ])
    rotate(ledger, 3, 0)
    expect(ledger.all('api_keys')).toMatchObject([
      { prefix: 'fbx_3', hash: 'hash-3', previousPrefix: 'fbx_2', previousHash: 'hash-2', previousUntil: START },
    ])
    expect(ledger.all('api_key_prefixes').map(({ prefix }) => prefix)).toEqual(['fbx_1', 'fbx_2', 'fbx_3'])
  })

  test('gives the secret before no longer than the key itself has', () => {
    const ledger = new OneAccount(10)
    ledger.do('createApiKey', { ...key, expiresAt: START + 50 })
    expect(rotate(ledger, 2, 100)).toMatchObject({ previousUntil: START + 50 })
  })

  test.each([
    ['expired', 'has expired'],
    ['revoked', 'was revoked'],
  ])('fails for one that has ended: %s', (end, words) => {
    const ledger = new OneAccount(10)
    ledger.do('createApiKey', { ...key, expiresAt: START + 50 })
    if (end === 'revoked') ledger.do('revokeApiKey', { apiKeyId: 'k' })
    ledger.now += end === 'expired' ? 50 : 0
    expect(rotate(ledger, 2, 100)).toMatchObject({
      status: 'failed',
      code: 'INVALID_INPUT',
      field: 'apiKeyId',
      problem: `names a key that ${words}: create another one`,
    })
    expect(ledger.all('api_keys')).toMatchObject([{ prefix: 'fbx_1' }])
  })

  test('is possible up to its end', () => {
    const ledger = new OneAccount(10)
    ledger.do('createApiKey', { ...key, expiresAt: START + 50 })
    ledger.now += 49
    expect(rotate(ledger, 2, 0)).toMatchObject({ status: 'rotated' })
  })
})

test('a key is revoked once: the first time stands', () => {
  const ledger = new OneAccount(10)
  ledger.do('createApiKey', key)
  expect(ledger.do('revokeApiKey', { apiKeyId: 'k' })).toEqual({ status: 'revoked', apiKeyId: 'k', replayed: false })
  ledger.now += 5
  ledger.do('revokeApiKey', { apiKeyId: 'k' })
  expect(ledger.all('api_keys')).toMatchObject([{ revokedAt: START }])
})

test('the latest use of a key is kept, in whatever order it is told', () => {
  const ledger = new OneAccount(10)
  ledger.do('createApiKey', key)
  const entries = ledger.all('journal').length
  for (const at of [START + 5, START + 9, START + 7]) {
    expect(ledger.do('noteKeyUse', { apiKeyId: 'k', at }, null)).toEqual({ status: 'noted', replayed: false })
  }
  expect(ledger.all('api_keys')).toMatchObject([{ lastUsedAt: START + 9 }])
  expect(ledger.all('journal')).toHaveLength(entries)
})

describe('the services of a key', () => {
  const state = (ledger: OneAccount) =>
    ledger.all('api_key_services').map(({ id, enabled, costLimitPerRequest }) => [id, enabled, costLimitPerRequest])

  test('are replaced: what is not named again is disabled and stays', () => {
    const ledger = new OneAccount(10)
    const [gpt, phone] = [
      { id: 'k:gpt:', service: 'gpt', costLimitPerRequest: credits(3) },
      { id: 'k:phone:x', service: 'phone', provider: 'x' },
    ]
    ledger.do('createApiKey', { ...key, services: [gpt, phone] })
    ledger.do('createApiKey', { ...key, apiKeyId: 'other', prefix: 'fbx_9', services: [{ id: 'other:gpt:', service: 'gpt' }] })
    const services = [
      { id: 'k:gpt:', service: 'gpt' },
      { id: 'k:phone:y', service: 'phone', provider: 'y' },
    ]
    expect(ledger.do('setKeyServices', { apiKeyId: 'k', services })).toEqual({ status: 'set', apiKeyId: 'k', replayed: false })
    expect(state(ledger)).toEqual([
      ['k:gpt:', true, null],
      ['k:phone:x', false, null],
      ['other:gpt:', true, null],
      ['k:phone:y', true, null],
    ])
    ledger.do('setKeyServices', { apiKeyId: 'k', services: [] })
    expect(state(ledger).filter(([, enabled]) => enabled)).toEqual([['other:gpt:', true, null]])
    expect(ledger.all('api_key_services')).toHaveLength(4)
  })

  test('are found again by service and provider, and keep the day on which they were made', () => {
    const ledger = new OneAccount(10)
    const services = [
      { id: 'k:gpt:', service: 'gpt' },
      { id: 'k:gpt:x', service: 'gpt', provider: 'x' },
      { id: 'k:phone:', service: 'phone' },
    ]
    ledger.do('createApiKey', { ...key, services })
    ledger.now += 5
    const limited = services.map((each, index) => ({ ...each, costLimitPerRequest: credits(index + 1) }))
    ledger.do('setKeyServices', { apiKeyId: 'k', services: limited.toReversed() })
    expect(state(ledger)).toEqual([
      ['k:gpt:', true, credits(1)],
      ['k:gpt:x', true, credits(2)],
      ['k:phone:', true, credits(3)],
    ])
    expect(ledger.all('api_key_services').map(({ createdAt }) => createdAt)).toEqual([START, START, START])
  })

  test('that are allowed as a whole are so for a provider that was named before: its row says the same', () => {
    const ledger = new OneAccount(10)
    const x = { id: 'k:gpt:x', service: 'gpt', provider: 'x', costLimitPerRequest: credits(1) }
    const services = [
      x,
      { id: 'k:gpt:y', service: 'gpt', provider: 'y', enabled: false },
      { id: 'k:phone:x', service: 'phone', provider: 'x' },
    ]
    ledger.do('createApiKey', { ...key, services })
    const gpt = { id: 'k:gpt:', service: 'gpt', costLimitPerRequest: credits(7) }
    ledger.do('setKeyServices', { apiKeyId: 'k', services: [gpt] })
    expect(state(ledger)).toEqual([
      ['k:gpt:x', true, credits(7)],
      ['k:gpt:y', true, credits(7)],
      ['k:phone:x', false, null],
      ['k:gpt:', true, credits(7)],
    ])
    ledger.do('setKeyServices', {
      apiKeyId: 'k',
      services: [{ ...gpt, enabled: false }, x],
    })
    expect(state(ledger).filter(([, enabled]) => enabled)).toEqual([['k:gpt:x', true, credits(1)]])
  })

  test('are those of that key alone, also where another is changed in the same batch', () => {
    const ledger = new OneAccount(10)
    for (const apiKeyId of ['k', 'l']) {
      const services = [{ id: `${apiKeyId}:gpt:`, service: 'gpt' }]
      ledger.do('createApiKey', { ...key, apiKeyId, prefix: `fbx_${apiKeyId}`, services })
    }
    ledger.commit(
      ['k', 'l'].map((apiKeyId) => ({
        verb: 'setKeyServices',
        accountId: 'a',
        idempotencyKey: apiKeyId,
        input: { apiKeyId, services: [{ id: `${apiKeyId}:phone:`, service: 'phone' }] },
      })),
    )
    expect(state(ledger).filter(([, enabled]) => enabled)).toEqual([
      ['k:phone:', true, null],
      ['l:phone:', true, null],
    ])
  })

  test('of a key that may use everything can be taken away: a row says that it may use nothing', () => {
    const ledger = new OneAccount(10)
    ledger.do('createApiKey', key)
    ledger.do('setKeyServices', { apiKeyId: 'k', services: [] })
    expect(ledger.all('api_key_services')).toEqual([
      {
        accountId: 'a',
        id: 'k::',
        apiKeyId: 'k',
        serviceType: '*',
        provider: null,
        enabled: false,
        costLimitPerRequest: null,
        createdAt: START,
      },
    ])
    const other = new OneAccount(10)
    other.do('createApiKey', key)
    other.do('setKeyServices', { apiKeyId: 'k', services: [{ id: 'k:gpt:', service: 'gpt' }] })
    expect(state(other)).toEqual([['k:gpt:', true, null]])
  })
})

test('a document is kept as it was saved, under an id that is free in its kind', () => {
  const ledger = new OneAccount()
  const save = (kind: string, body: Record<string, unknown>) => ledger.do('saveDocument', { kind, documentId: 'd', body })
  expect(save('agent', { n: 1 })).toEqual({ status: 'saved', documentId: 'd', replayed: false })
  expect(save('agent', { n: 2 })).toEqual({ status: 'failed', code: 'ALREADY_EXISTS', what: 'agent', id: 'd' })
  expect(save('run', { n: 3 })).toMatchObject({ status: 'saved' })
  expect(ledger.all('documents')).toEqual([
    { accountId: 'a', kind: 'agent', documentId: 'd', body: { n: 1 }, createdAt: START },
    { accountId: 'a', kind: 'run', documentId: 'd', body: { n: 3 }, createdAt: START },
  ])
})
