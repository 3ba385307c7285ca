import { credits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import type { Farebox } from 'farebox'
import { describe, expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'

const messages = [{ role: 'user' as const, content: 'hello' }]

/** What the journal has of an account's work, oldest first. */
async function changesOf(box: Farebox, accountId: string): Promise<string[]> {
  const { items } = await box.ledger.statement(accountId, { limit: 1_000 })
  const work = new Set(['openWorkflow', 'placeHold', 'settleHold', 'releaseHold', 'charge', 'closeWorkflow'])
  return items
    .map(({ verb }) => verb)
    .filter((verb) => work.has(verb))
    .reverse()
}

// A change is a row of the journal and its share of a flush of the disk, so how many there are is what metering costs.
describe.each(storeNames)('the changes that work takes on %s', (on) => {
  it.each([
    ['a chat', '/v1/chat/completions', { model: 'auto', messages }],
    ['a streamed chat', '/v1/chat/completions', { model: 'auto', messages, stream: true }],
    ['speech', '/v1/audio/speech', { model: 'auto', input: 'hello', voice: 'alloy' }],
  ])('%s of an OpenAI client is a hold that opens its workflow and a charge that closes it', async (_, path, body) => {
    const box = await openBox({ on })
    const { accountId, key } = await openAccount(box)
    const api = await serveApi(box, key)
    const answer = await api.post(path, body)
    expect(answer.status).toBe(200)
    await expect.poll(() => changesOf(box, accountId)).toEqual(['placeHold', 'settleHold'])
    const { workflows } = await box.ledger.workflows({ accountId })
    expect(workflows).toMatchObject([{ workflowId: answer.headers.get('x-farebox-workflow-id'), state: 'closed', held: 0n }])
  })

  it('a failed one too, and a refused one none', async () => {
    const box = await openBox({ on, providers: [simulated({ failures: () => ({ kind: 'invalid_request' }) })] })
    const { accountId, key } = await openAccount(box)
    const api = await serveApi(box, key)
    expect((await api.post('/v1/chat/completions', { model: 'auto', messages })).status).toBe(422)
    const poor = await openAccount(box, { balance: credits(0) })
    expect((await (await serveApi(box, poor.key)).post('/v1/chat/completions', { model: 'auto', messages })).status).toBe(402)
    expect(await changesOf(box, accountId)).toEqual(['placeHold', 'settleHold'])
    expect(await changesOf(box, poor.accountId)).toEqual([])
    expect((await box.ledger.workflows({ accountId })).workflows).toMatchObject([{ state: 'closed', spent: 0n }])
  })

  it('metered time is a hold that opens its workflow, a charge and a close, and none at all where it is refused', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'phone_call', maxCredits: credits(500) })
    const time = await workflow.meter({ service: 'phone', provider: 'twilio' })
    await time.reached(2)
    await time.end(3)
    await workflow.close()
    expect(await changesOf(box, accountId)).toEqual(['placeHold', 'settleHold', 'closeWorkflow'])
    expect(await box.ledger.workflow(accountId, workflow.id)).toMatchObject({ maxCredits: credits(500), state: 'closed' })
    const poor = await openAccount(box, { balance: credits(0) })
    const refused = box.workflow({ accountId: poor.accountId, name: 'phone_call' })
    const outcome = refused.meter({ service: 'phone', provider: 'twilio' })
    await expect(outcome).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
    expect(refused.isOpened).toBe(false)
    expect(await changesOf(box, poor.accountId)).toEqual([])
  })

  it('a chat of an agent answers with the receipt of its closed workflow', async () => {
    const box = await openBox({ on })
    const { accountId, key } = await openAccount(box)
    const api = await serveApi(box, key)
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const { status, body } = await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'hello' })
    expect({ status, body }).toMatchObject({ status: 200, body: { receipt: { total_credits_used: 1 } } })
    expect(await changesOf(box, accountId)).toEqual(['placeHold', 'settleHold'])
  })

  it('a workflow of several calls is opened once, also when they begin together, and closed when its owner says so', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'crowd', maxCredits: credits(500) })
    await Promise.all([
      workflow.chat({ messages }),
      workflow.record('gpt', 'gpt-4o-mini', 1_000, 'tokens'),
      workflow.speak({ text: 'hi' }),
    ])
    await workflow.close()
    const changes = await changesOf(box, accountId)
    expect(changes.filter((verb) => verb === 'openWorkflow')).toEqual([])
    expect(changes.filter((verb) => verb === 'closeWorkflow')).toHaveLength(1)
    expect((await box.ledger.workflow(accountId, workflow.id)).maxCredits).toBe(credits(500))
    expect((await box.ledger.breakdowns({ accountId })).workflows).toMatchObject([{ name: 'crowd', count: 1, closed: 1 }])
  })

  it('work that is recorded again under its key is charged once, whether it opened its workflow or not', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'lesson', workflowId: 'lesson' })
    const record = (by = workflow) => by.record('gpt', 'gpt-4o-mini', 1_500, 'tokens', { idempotencyKey: 'once' })
    const first = await record()
    expect(await record()).toEqual(first)
    expect(await record(box.workflow({ accountId, name: 'lesson', workflowId: 'lesson' }))).toEqual(first)
    expect(await changesOf(box, accountId)).toEqual(['charge'])
    await workflow.close()
  })

  it('whoever takes a workflow up by its id finds it, however it was opened', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const options = { accountId, name: 'lesson', workflowId: 'lesson-1', userId: 'ada' }
    const first = box.workflow(options)
    await first.chat({ messages })
    const second = box.workflow(options)
    await second.chat({ messages })
    // Both are rounded together.
    expect(await box.workflow(options).receipt()).toMatchObject({
      total_credits_used: 1,
      services_used: [{ units_consumed: 80 }],
    })
    await expect(box.workflow({ ...options, name: 'exam' }).chat({ messages })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    await expect(box.workflow({ ...options, userId: 'bob' }).receipt()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    await second.close()
    await expect(first.chat({ messages })).rejects.toMatchObject({ code: 'WORKFLOW_CLOSED' })
    const opened = box.workflow({ ...options, workflowId: 'lesson-2' })
    await opened.open()
    expect(await box.workflow({ ...options, workflowId: 'lesson-2' }).chat({ messages })).toMatchObject({ isSimulated: true })
    await opened.close()
  })
})
