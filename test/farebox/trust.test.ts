import { readFileSync } from 'node:fs'
import { credits, type PhoneRequest, type PhoneResult } from '@farebox/core'
import { simulated, simulatedOffers } from '@farebox/providers/simulated'
import { presets } from 'farebox'
import { expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

/** A FLAC file whose header says `seconds`, and whose body is as long as it likes. */
function flac(seconds: number, bytes: number): Uint8Array {
  const rate = 16_000
  const data = new Uint8Array(42 + bytes)
  const view = new DataView(data.buffer)
  data.set(new TextEncoder().encode('fLaC'))
  view.setUint32(4, 0x80_00_00_22)
  view.setUint16(8, 4_096)
  view.setUint16(10, 4_096)
  // Sample rate (20 bits), channels − 1 (3), bits per sample − 1 (5), samples (36).
  view.setBigUint64(18, (BigInt(rate) << 44n) | (0n << 41n) | (15n << 36n) | BigInt(Math.round(seconds * rate)))
  return data
}

it('a recording that says that it is too short for its size is not believed, nor charged', async () => {
  const box = await openBox()
  const account = await openAccount(box)
  const workflow = box.workflow({ accountId: account.accountId, name: 'listen' })
  await expect(workflow.transcribe({ audio: flac(1, 20_000_000) })).rejects.toMatchObject({ code: 'INVALID_AUDIO' })
  await workflow.transcribe({ audio: flac(60, 100_000) })
  expect((await workflow.close()).services_used).toMatchObject([{ service_type: 'voice_stt', credits_used: 1 }])
})

it('a phone call goes on when its caller leaves, and is charged to its end', async () => {
  const rings = Promise.withResolvers<void>()
  const hangUp = Promise.withResolvers<void>()
  const phone = {
    ...simulated({ services: ['phone'], name: 'phone' }),
    async call(_: PhoneRequest): Promise<PhoneResult> {
      rings.resolve()
      await hangUp.promise
      return { callId: 'CA1', status: 'completed', durationSeconds: 540 }
    },
  }
  const box = await openBox({ providers: [phone, simulated({ offers: simulatedOffers, except: phone.offers })] })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const caller = new AbortController()
  const asked = fetch(`${api.url}/api/v1/agent/${agent_id}/call`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to: '+15551234567', message: 'Hello' }),
    signal: caller.signal,
  })
  await rings.promise
  caller.abort()
  await expect(asked).rejects.toThrow()
  hangUp.resolve()
  await expect.poll(async () => (await box.ledger.balance(account.accountId)).balance).toBe(credits(10_000 - 180))
})

it('what a model may make of many images is held before it sees them', async () => {
  const configuration = presets.costOptimized({ visionModel: 'gpt-4o-mini', maxCreditsPerRequest: null })
  const box = await openBox({ configuration })
  const account = await openAccount(box, { balance: credits(50) })
  const images = Array.from({ length: 10 }, (_, index) => `https://example.com/${index}.png`)
  const workflow = box.workflow({ accountId: account.accountId, name: 'look' })
  await expect(workflow.see({ prompt: 'What are these?', images })).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
})

it('a workflow that could not be opened can be a moment later', async () => {
  const box = await openBox()
  const account = await openAccount(box)
  const workflow = box.workflow({ accountId: 'nobody', name: 'chat' })
  await expect(workflow.open()).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
  expect(workflow.isOpened).toBe(false)
  await box.ledger.openAccount({ accountId: 'nobody', name: 'Somebody now' })
  await workflow.open()
  await workflow.close()
  expect(account.accountId).not.toBe('nobody')
})

it('a strange prefix or cursor is the caller’s mistake', async () => {
  const box = await openBox()
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  expect((await api.get('/api/v1/usage/keys/%00')).status).toBe(422)
  expect((await api.get('/api/v1/credits/statement?cursor=99999999999999999999.1')).status).toBe(422)
})

it('a run that died after it had charged is not charged again under its key', async () => {
  let now = Date.now()
  const box = await openBox({ clock: () => now })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const { saveDocument } = box.ledger
  box.ledger.saveDocument = (input, call) =>
    input.kind === 'run_end' ? Promise.reject(new Error('the process died')) : saveDocument.call(box.ledger, input, call)
  const ask = () => api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'Hello' }, { 'idempotency-key': 'k' })
  expect((await ask()).status).toBe(200)
  expect(await ask()).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
  now += 11 * 60_000
  expect(await ask()).toMatchObject({ status: 409, body: { code: 'ANSWER_NOT_KEPT' } })
  expect((await box.ledger.balance(account.accountId)).balance).toBe(credits(10_000 - 1))
})

it('a run that died in a workflow which others share may have charged, so it is not begun again under its key', async () => {
  let now = Date.now()
  const box = await openBox({ clock: () => now })
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'lesson' })).body
  const { saveDocument } = box.ledger
  box.ledger.saveDocument = (input, call) =>
    input.kind === 'run_end' ? Promise.reject(new Error('the process died')) : saveDocument.call(box.ledger, input, call)
  const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] }
  const headers = { 'idempotency-key': 'k', 'x-farebox-workflow-id': String(workflow_id) }
  const ask = () => api.post('/v1/chat/completions', chat, headers)
  expect((await ask()).status).toBe(200)
  const { balance } = await box.ledger.balance(accountId)
  now += 11 * 60_000
  expect(await ask()).toMatchObject({ status: 409, body: { error: { code: 'answer_not_kept' } } })
  expect((await box.ledger.balance(accountId)).balance).toBe(balance)
})

it('the words of a request are nowhere in the ledger', async () => {
  const box = await openBox()
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'xyzzy plugh' }, { 'idempotency-key': 'k' })
  const run = await box.ledger.document(account.accountId, 'run', 'k#1')
  expect(JSON.stringify(run)).not.toContain('xyzzy')
})

it('a caller who closes the workflow of their own calls spends no more than they have', async () => {
  const box = await openBox({ providers: [simulated({ betweenPartsMs: 5 })] })
  const account = await openAccount(box, { balance: credits(25) })
  const api = await serveApi(box, account.key)
  const ask = { model: 'gpt-4', stream: true, max_tokens: 500, messages: [{ role: 'user', content: 'A story. '.repeat(20) }] }
  const headers = { authorization: `Bearer ${account.key}`, 'content-type': 'application/json' }
  const stream = () => fetch(`${api.url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(ask) })
  const first = await stream()
  const { held } = await box.ledger.balance(account.accountId)
  expect(held).toBeGreaterThan(credits(13))
  const closed = await api.post(`/api/v1/workflows/${first.headers.get('x-farebox-workflow-id')}/close`)
  expect(closed).toMatchObject({ status: 200, body: { total_credits_used: 0 } })
  expect((await box.ledger.balance(account.accountId)).held).toBe(held)
  expect((await stream()).status).toBe(402)
  expect(await first.text()).toContain('[DONE]')
  await expect.poll(async () => (await box.ledger.balance(account.accountId)).held).toBe(0n)
  expect((await box.ledger.balance(account.accountId)).balance).toBeLessThan(credits(25))
})

it('a caller who closes the workflow of their agent pays for what it has done', async () => {
  const heard = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const ear = simulated({ services: ['voice_stt'], name: 'ear' })
  const slow: typeof ear = {
    ...ear,
    async transcribe(request, context) {
      const answer = await ear.transcribe?.(request, context)
      heard.resolve()
      await closed.promise
      if (!answer) throw new Error('no ear')
      return answer
    },
  }
  const box = await openBox({ providers: [slow, simulated({ except: ear.offers })] })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const talking = api.post(`/api/v1/agent/${agent_id}/voice`, flac(60, 100_000), { 'content-type': 'audio/flac' })
  await heard.promise
  const [{ workflowId = '' } = {}] = (await box.ledger.workflows({ accountId: account.accountId })).workflows
  await api.post(`/api/v1/workflows/${workflowId}/close`)
  closed.resolve()
  expect(await talking).toMatchObject({ status: 409, body: { code: 'WORKFLOW_CLOSED' } })
  expect((await api.get(`/api/v1/workflows/${workflowId}`)).body).toMatchObject({ total_credits_used: 1 })
})

it.each([
  ['SERVICE_NOT_ALLOWED', 403],
  ['REQUEST_LIMIT', 402],
  ['BUDGET_EXCEEDED', 402],
  ['INSUFFICIENT_CREDITS', 402],
])('a caller whose recording was heard, but who may not pay for an answer, pays for what was heard: %s', async (code, status) => {
  const question = readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url))
  const box = await openBox()
  const services = {
    SERVICE_NOT_ALLOWED: [{ service: 'voice_stt' }],
    REQUEST_LIMIT: [{ service: 'voice_stt' }, { service: 'gpt', costLimitPerRequest: credits(0) }],
  }[code]
  const balance = credits(code === 'INSUFFICIENT_CREDITS' ? 1 : 100)
  const account = await openAccount(box, { balance, services })
  const { accountId } = account
  if (code === 'BUDGET_EXCEEDED') await box.ledger.setBudget({ accountId, service: 'gpt', period: 'day', limit: credits(0) })
  const { agentId } = await box.agents.create({ accountId })
  const api = await serveApi(box, account.key)
  for (const replayed of [null, 'true']) {
    const headers = { 'content-type': 'audio/wav', 'idempotency-key': 'once' }
    const refused = await api.post(`/api/v1/agent/${agentId}/voice`, new Uint8Array(question), headers)
    expect(refused).toMatchObject({ status, body: { code } })
    expect(refused.headers.get('idempotency-replayed')).toBe(replayed)
    expect(await box.ledger.balance(accountId)).toMatchObject({ balance: balance - credits(1), held: 0n })
  }
})
