import type { AuthenticatedKey } from '@farebox/ledger'
import { credits, type Farebox, type Workflow } from 'farebox'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openAccount, openBeside, openBox, storeNames } from './open-box.ts'

const messages = [{ role: 'user' as const, content: 'hello' }]
const format = { encoding: 'pcm_s16le', sampleRate: 16_000 } as const

/** Everything that a workflow can begin, which a key pays for. */
const calls: Record<string, (workflow: Workflow) => Promise<unknown>> = {
  chat: (workflow) => workflow.chat({ messages }),
  streamChat: (workflow) => workflow.streamChat({ messages }),
  speak: (workflow) => workflow.speak({ text: 'hello' }),
  listen: (workflow) => workflow.listen({ audio: (async function* () {})(), format }),
  meter: (workflow) => workflow.meter({ service: 'phone', provider: 'twilio' }),
}

async function openWorkflow(box: Farebox) {
  const { accountId, key, apiKeyId } = await openAccount(box)
  const workflow = await box.workflowOf(key, { name: 'work' })
  await workflow.chat({ messages })
  return { accountId, apiKeyId, workflow }
}

describe.each(storeNames)('a workflow whose key has ended, on %s', (on) => {
  it('begins nothing once the key was revoked, and still charges what was done', async () => {
    const box = await openBox({ on })
    const { accountId, apiKeyId, workflow } = await openWorkflow(box)
    await box.ledger.revokeApiKey({ accountId, apiKeyId })
    for (const [name, call] of Object.entries(calls)) {
      await expect(call(workflow), name).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    }
    expect((await workflow.record('gpt', 'gpt-4o-mini', 1_000, 'tokens')).creditsUsed).toBeGreaterThan(0n)
  })

  it('learns within ten seconds what another process changed', async () => {
    const box = await openBox({ on })
    const { accountId, apiKeyId, workflow } = await openWorkflow(box)
    const other = openBeside(box)
    await other.ledger.setKeyServices({ accountId, apiKeyId, services: [{ service: 'gpt', costLimitPerRequest: credits(500) }] })
    passSeconds(11)
    await expect(workflow.speak({ text: 'hello' })).rejects.toMatchObject({ code: 'SERVICE_NOT_ALLOWED' })
    await workflow.chat({ messages })
    await other.ledger.revokeApiKey({ accountId, apiKeyId })
    passSeconds(11)
    await expect(workflow.chat({ messages })).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })
})

it('a workflow whose key has expired begins nothing, by the clock of the store', async () => {
  let now = Date.UTC(2026, 10, 1)
  const box = await openBox({ storeClock: () => now })
  const { accountId } = await openAccount(box)
  const made = await box.ledger.createApiKey({ accountId, name: 'short', expiresAt: now + 60_000 })
  if (made.status === 'refused') throw new Error('refused')
  const workflow = await box.workflowOf(made.secret, { name: 'work' })
  await workflow.chat({ messages })
  now += 60_000
  await expect(workflow.chat({ messages })).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
})

it('a key costs no read while it was read a moment ago', async () => {
  const box = await openBox()
  const { accountId, key } = await openAccount(box)
  const found = (await box.ledger.authenticate(key)) as AuthenticatedKey
  expect(box.ledger.currentKey(found)).toBe(found)
  const spare = await box.ledger.createApiKey({ accountId, name: 'spare' })
  if (spare.status === 'refused') throw new Error('refused')
  // That another key was changed here is no matter.
  await box.ledger.revokeApiKey({ accountId, apiKeyId: spare.apiKeyId })
  const again = await box.ledger.currentKey(found)
  expect(again).toEqual(found)
  expect(box.ledger.currentKey(again as AuthenticatedKey)).toBe(again)
})

it('a key costs no read because another one was changed here', async () => {
  const box = await openBox()
  const { accountId, key, apiKeyId } = await openAccount(box)
  const found = (await box.ledger.authenticate(key)) as AuthenticatedKey
  const spare = await box.ledger.createApiKey({ accountId, name: 'spare' })
  if (spare.status === 'refused') throw new Error('refused')
  await box.ledger.revokeApiKey({ accountId, apiKeyId: spare.apiKeyId })
  expect(box.ledger.currentKey(found)).toBe(found)
  passSeconds(5)
  await box.ledger.setKeyServices({ accountId, apiKeyId, services: [{ service: 'gpt' }] })
  // The change of another key afterwards does not make this one's forgotten.
  await box.ledger.revokeApiKey({ accountId, apiKeyId: spare.apiKeyId })
  const again = (await box.ledger.currentKey(found)) as AuthenticatedKey
  expect(again.services).toMatchObject([{ service: 'gpt' }])
  expect(box.ledger.currentKey(again)).toBe(again)
})

const monotonic = performance.now.bind(performance)
let passedMs = 0

/** Lets time pass for caches, which count it on the monotonic clock. */
function passSeconds(seconds: number): void {
  passedMs += seconds * 1_000
  vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + passedMs)
  onTestFinished(() => void vi.restoreAllMocks())
}
