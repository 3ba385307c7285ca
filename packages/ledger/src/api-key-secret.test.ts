import { expect, test } from 'vitest'
import { apiKeyHash, apiKeyPrefix, isSameHash, newApiKeySecret } from './api-key-secret.ts'

test('a key is fbx_ and 43 letters and digits, and no two are alike', () => {
  const keys = Array.from({ length: 200 }, newApiKeySecret)
  for (const key of keys) expect(key).toMatch(/^fbx_[0-9A-Za-z]{43}$/)
  expect(new Set(keys).size).toBe(keys.length)
  expect(new Set(keys.map(apiKeyPrefix)).size).toBe(keys.length)
})

test('a key is looked up by the eight characters after its mark, one without the mark by its first eight', () => {
  expect(apiKeyPrefix('fbx_abcdefghij')).toBe('abcdefgh')
  expect(apiKeyPrefix('demo-key-1')).toBe('demo-key')
  expect(apiKeyPrefix('')).toBe('')
})

test('the hash is SHA-256 of the whole key in hex', () => {
  expect(apiKeyHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('only equal hashes are the same, whatever their length', () => {
  const hash = apiKeyHash('a')
  expect(isSameHash(hash, apiKeyHash('a'))).toBe(true)
  for (const other of [apiKeyHash('b'), hash.slice(1), '', `${hash}0`]) expect(isSameHash(hash, other)).toBe(false)
})
