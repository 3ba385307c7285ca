import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { openElevenlabs } from './elevenlabs-harness.ts'

it('elevenlabs before its first call has not loaded the SDK, which is slow and large', async () => {
  const { cache } = createRequire(import.meta.url)
  const loaded = () => Object.keys(cache).filter((file) => file.includes('elevenlabs-js')).length
  const { adapter, close } = await openElevenlabs()
  expect(loaded()).toBe(0)
  const context = { signal: new AbortController().signal, attemptId: 'a1' }
  await adapter.speak?.({ model: 'eleven_multilingual_v2', text: 'Hello there', format: 'mp3' }, context)
  expect(loaded()).toBeGreaterThan(100)
  await close()
})
