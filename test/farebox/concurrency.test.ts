import { type Credits, credits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import type { Receipt } from 'farebox'
import { describe, expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'

const ask = { messages: [{ role: 'user' as const, content: 'hello' }] }
const AT_ONCE = 200

// That nobody could spend below zero at any time, and that no hold is left, is checked after every test by `openBox`.
describe.each(storeNames)('two hundred calls at once on %s', (on) => {
  it('on an account that affords some are served or refused, and paid to the last credit', async () => {
    const box = await openBox({ on, providers: [simulated({ latencyMs: 1 })] })
    const { accountId } = await openAccount(box, { balance: credits(60) })
    const outcomes = await Promise.allSettled(
      Array.from({ length: AT_ONCE }, async () => {
        const workflow = box.workflow({ accountId, name: 'crowd' })
        await workflow.chat(ask)
        return workflow.close()
      }),
    )
    const receipts = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(receipts.length).toBeGreaterThanOrEqual(30)
    expect(receipts.length).toBeLessThanOrEqual(60)
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'INSUFFICIENT_CREDITS', needed: credits(2) })
    const spent = total(receipts)
    expect(await box.ledger.balance(accountId)).toMatchObject({ balance: credits(60) - spent, held: 0n })
    expect((await box.usage({ accountId })).total_credits).toBe(Number(spent / 1_000_000n))
  })

  it('over HTTP answer 200 or 402, and the receipts add up', async () => {
    const box = await openBox({ on })
    const { accountId, key } = await openAccount(box, { balance: credits(60) })
    const api = await serveApi(box, key)
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'hello' })),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 402]))
    const receipts = answers.flatMap(({ status, body }) => (status === 200 ? [body.receipt as unknown as Receipt] : []))
    expect((await box.ledger.balance(accountId)).balance).toBe(credits(60) - total(receipts))
  })

  it('of mixed ends, whole and streamed, failed and left, charge what was answered', async () => {
    const failures = ({ callsBefore }: { callsBefore: number }) =>
      callsBefore % 5 === 3 ? ({ kind: 'malformed' } as const) : undefined
    const box = await openBox({ on, providers: [simulated({ failures })] })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'crowd' })
    const charges = await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, index): Promise<bigint> => {
        if (index % 2 === 0) return (await workflow.chat(ask)).creditsUsed
        const stream = await workflow.streamChat(ask)
        for await (const _event of stream.events) if (index % 4 === 1) break
        return (await stream.settled).creditsUsed
      }),
    )
    const charged = charges.reduce((sum, charge) => sum + charge, 0n)
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(charged)
    expect((await box.ledger.balance(accountId)).balance).toBe(credits(10_000) - charged)
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.filter(({ quantity }) => quantity > 0n)).toHaveLength(AT_ONCE)
    // Failed attempts are written down, and charged to nobody.
    for (const { quantity, charged } of records) expect(charged > 0n ? quantity > 0n : true).toBe(true)
  })

  it('under one ceiling never pass it', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'crowd', maxCredits: credits(10) })
    const outcomes = await Promise.allSettled(
      Array.from({ length: AT_ONCE }, () => workflow.record('gpt', 'gpt-4o-mini', 1_000, 'tokens')),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    expect((await workflow.close()).total_credits_used).toBe(10)
  })
})

describe('a Farebox that is closed', () => {
  it('first settles the streams that nobody awaits', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'crowd' })
    const settled = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const stream = await workflow.streamChat(ask)
        await stream.events.return?.()
        return stream.settled
      }),
    )
    await box.close()
    expect(settled.reduce((sum, { creditsUsed }) => sum + creditsUsed, 0n) as Credits).toBe(credits(1))
  })
})

function total(receipts: readonly Receipt[]): Credits {
  return credits(receipts.reduce((sum, { total_credits_used }) => sum + total_credits_used, 0))
}
