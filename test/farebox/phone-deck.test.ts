import { credits, formatUsd } from '@farebox/core'
import { PriceBook, type PriceBookDocument } from '@farebox/pricing'
import { importedBook, importTwilioVoice } from '@farebox/pricing/import'
import { simulated } from '@farebox/providers/simulated'
import { describe, expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

const csv = `ISO,Country,Description,Price / min,Origination Prefixes,Destination Prefixes
AT,Austria,Austria,0.15500,,43
AT,Austria,Austria - from EEA,0.01600,"43,49",43
US,United States,United States,0.01400,,1`

const effectiveFrom = '2025-01-01T00:00:00Z'
const costs = new PriceBook(
  importedBook(importTwilioVoice(csv, { source: 'OutboundVoicePricing.csv', checked: '2026-11-20' }), {
    name: 'deck',
    version: '1',
    effectiveFrom,
  }),
)
const row = (amount: string, to: string[], from?: string[]) => ({
  service: 'phone',
  provider: 'twilio',
  to,
  ...(from && { from }),
  rates: [{ unit: 'minutes' as const, amount }],
})
const document: PriceBookDocument = {
  name: 'ours',
  currency: 'credits',
  versions: [
    {
      version: '1',
      effective_from: effectiveFrom,
      entries: [row('200', ['+43']), row('20', ['+43'], ['+49']), row('15', ['+1'])],
    },
  ],
}

async function open() {
  const box = await openBox({ providers: [simulated({ callSeconds: 61 })], prices: new PriceBook(document), costs })
  const account = await openAccount(box)
  const workflow = box.workflow({ accountId: account.accountId, name: 'calls' })
  const usage = () => box.ledger.usageOf(account.accountId, workflow.id)
  return { box, account, workflow, usage }
}

const say = { instructions: { type: 'say' as const, text: 'Hello' }, durationSecondsMax: 120 }

describe('a phone call between numbers that have a price of their own', () => {
  it.each([
    ['+4315551234', '+493055512345', 21, '0.032'],
    ['+4315551234', '+15551234567', 204, '0.31'],
    ['+15551234567', undefined, 16, '0.028'],
  ])('to %s from %s is charged %i credits, and costs us %s', async (to, from, charged, cost) => {
    const { workflow, usage, box, account } = await open()
    const { high } = await workflow.estimate({ call: { to, from, durationSecondsMax: 120 } })
    expect((await workflow.call({ ...say, to, from })).creditsUsed).toBe(credits(charged))
    const [record] = await usage()
    expect(record?.cost === null || record?.cost === undefined ? undefined : formatUsd(record.cost)).toBe(cost)
    expect(high >= credits(charged)).toBe(true)
    expect((await box.ledger.balance(account.accountId)).held).toBe(0n)
  })

  it('is not made where its price is unknown', async () => {
    const { workflow } = await open()
    await expect(workflow.call({ ...say, to: '+5555551234' })).rejects.toMatchObject({
      code: expect.stringMatching(/PRICE|NO_PROVIDER/),
    })
  })

  it('can be recorded with its numbers, by code and over HTTP', async () => {
    const { box, account, workflow } = await open()
    const recorded = await workflow.record('phone', 'twilio', 1, 'minutes', { to: '+4315551234', from: '+493055512345' })
    expect(recorded.creditsUsed).toBe(credits(20))
    await expect(workflow.record('phone', 'twilio', 1, 'minutes')).rejects.toMatchObject({ code: 'PRICE_NOT_FOUND' })
    const api = await serveApi(box, account.key)
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'calls' })).body
    const used = { service_type: 'phone', provider: 'twilio', units_consumed: 1, unit_type: 'minutes', to: '+4315551234' }
    expect((await api.post(`/api/v1/workflows/${workflow_id}/usage`, used)).body).toMatchObject({ credits_used: 200 })
    expect(await api.post(`/api/v1/workflows/${workflow_id}/usage`, { ...used, to: '43' })).toMatchObject({ status: 422 })
  })
})
