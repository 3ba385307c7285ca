import { expect, test } from 'vitest'
import { KeyCache } from './key-cache.ts'
import type { PresentedKey } from './key-ring.ts'

function presented(apiKeyId: string): PresentedKey {
  const key = { accountId: 'a', apiKeyId, prefix: 'p', name: 'n', userId: null, expiresAt: null, services: [] }
  const use = { accountId: 'a', apiKeyId, at: 0, sentAt: 0, keptAt: 0 }
  return { key, use, until: null }
}

test('it holds ten thousand keys at most, and lets go of those that were not asked for longest', () => {
  const cache = new KeyCache()
  for (let index = 0; index < 10_001; index++) {
    cache.set(`h${index}`, presented(`k${index}`), cache.forgotten)
    cache.get('h0')
  }
  expect(cache.get('h0')).toBeDefined()
  expect(cache.get('h1')).toBeUndefined()
  expect(cache.get('h10000')).toBeDefined()
})

test('what is forgotten is gone under every secret, and does not come back from a look-up that began before', () => {
  const cache = new KeyCache()
  cache.set('old secret', presented('k'), cache.forgotten)
  cache.set('new secret', presented('k'), cache.forgotten)
  cache.set('other', presented('l'), cache.forgotten)
  const began = cache.forgotten
  cache.forget('k')
  cache.set('old secret', presented('k'), began)
  expect([cache.get('old secret'), cache.get('new secret')]).toEqual([undefined, undefined])
  expect(cache.get('other')).toBeDefined()
})
