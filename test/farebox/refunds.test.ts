import { credits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { describe, expect, it } from 'vitest'
import { type ApiAnswer, serveApi } from './api-client.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'

const ADMIN = 'admin-token'
const usage = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1_000, unit_type: 'tokens' }
/** What that costs. */
const COST = 8

describe.each(storeNames)('an operator, on %s,', (on) => {
  async function open(options: Parameters<typeof openBox>[0] = {}) {
    const box = await openBox({ on, ...options })
    const account = await openAccount(box)
    const api = await serveApi(box, account.key, { adminToken: ADMIN })
    const admin = api.as(ADMIN)
    const { accountId: account_id } = account
    const charges = async (workflowId: unknown) =>
      (await admin.get(`/api/v1/workflows/${workflowId}?account_id=${account_id}`)).body.charges as unknown as Charge[]
    return {
      box,
      account,
      api,
      admin,
      charges,
      balance: async () => (await box.ledger.balance(account_id)).balance,
      refund: (fields: object, headers: Record<string, string> = {}) =>
        admin.post('/api/v1/admin/refunds', { account_id, ...fields }, headers),
      /** Work that was charged, found as an operator finds it. */
      async charged(): Promise<Charge & { workflowId: string }> {
        const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'work' })).body
        await api.post(`/api/v1/workflows/${workflow_id}/usage`, usage)
        const [charge] = await charges(workflow_id)
        if (!charge) throw new Error('nothing was charged')
        return { ...charge, workflowId: String(workflow_id) }
      },
    }
  }

  it('finds what was charged, gives it back, and sees that nothing is left of it', async () => {
    const { api, charges, refund, balance } = await open({
      providers: [simulated({ failures: { 'gpt-4o-mini': { kind: 'timeout' } } })],
    })
    const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
    const { workflow_id } = (await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'hello' })).body.receipt ?? {}
    const own = await api.get(`/api/v1/workflows/${workflow_id}`)
    expect(own.body).not.toHaveProperty('charges')
    // Failed attempts cost the caller nothing, and are none of the charges.
    const [charge, ...others] = await charges(workflow_id)
    expect([charge, others]).toEqual([
      {
        usage_id: own.body.decisions?.[0]?.usage_id,
        service_type: 'gpt',
        provider: expect.any(String),
        model: expect.any(String),
        charged_at: expect.stringMatching(/Z$/),
        credits_charged: String(own.body.total_credits_used),
        credits_refundable: String(own.body.total_credits_used),
      },
      [],
    ])
    const { usage_id, credits_charged } = charge as Charge
    const whole = await refund({ usage_id, reason: 'it said nothing' })
    expect(whole).toMatchObject({ status: 201 })
    expect(whole.body).toEqual({
      refund_id: expect.any(String),
      usage_id,
      credits_refunded: credits_charged,
      credits_refundable: '0',
      credit_balance: 10_000,
    })
    expect(await charges(workflow_id)).toEqual([{ ...charge, credits_refundable: '0' }])
    expect((await api.get(`/api/v1/workflows/${workflow_id}`)).body.total_credits_used).toBe(0)
    expect(await refund({ usage_id })).toMatchObject({
      status: 409,
      body: {
        code: 'REFUND_EXCEEDS_CHARGE',
        title: 'Conflict',
        refundable: '0',
        detail: `nothing of the charge of usage "${usage_id}" is left to give back`,
      },
    })
    expect(await balance()).toBe(credits(10_000))
  })

  it('gives back parts of a charge, down to the last millionth, and no more', async () => {
    const { charged, charges, refund, balance, api } = await open()
    const { usage_id, workflowId } = await charged()
    await api.post(`/api/v1/workflows/${workflowId}/close`)
    const parts = [
      [2, '2', '6', 9_994],
      ['0.000001', '0.000001', '5.999999', 9_994],
      ['1.5', '1.5', '4.499999', 9_995],
    ] as const
    for (const [part, credits_refunded, credits_refundable, credit_balance] of parts) {
      const { body } = await refund({ usage_id, credits: part })
      expect(body).toMatchObject({ credits_refunded, credits_refundable, credit_balance })
    }
    expect(await refund({ usage_id, credits: '4.5' })).toMatchObject({
      status: 409,
      body: {
        code: 'REFUND_EXCEEDS_CHARGE',
        refundable: '4.499999',
        detail: `4.499999 credits of the charge of usage "${usage_id}" are left to give back, not 4.5`,
      },
    })
    expect(await charges(workflowId)).toMatchObject([{ credits_charged: '8', credits_refundable: '4.499999' }])
    expect((await refund({ usage_id, credits: '4.499999' })).body).toMatchObject({ credits_refundable: '0' })
    expect(await balance()).toBe(credits(10_000))
  })

  it.each([0, '0', '0.000000', -1, '-1', 1.5, '1.0000001', '1e3', '', 'all', null, 1_000_000_001, '9999999999'])(
    'cannot give back %j credits',
    async (amount) => {
      const { charged, refund, balance } = await open()
      const { usage_id } = await charged()
      const answer = await refund({ usage_id, credits: amount })
      expect([answer.status, fieldsOf(answer)]).toEqual([422, ['credits']])
      expect(await balance()).toBe(credits(10_000 - COST))
    },
  )

  it('is told what is wrong with a refund', async () => {
    const { box, admin, charged, refund, balance } = await open()
    const { usage_id } = await charged()
    const { body } = await refund({ usage_id, credits: 1 })
    const other = await openAccount(box)
    const answers = [
      await refund({ usage_id: 'nothing' }),
      await refund({ usage_id, account_id: other.accountId }),
      await refund({ usage_id, account_id: 'nobody' }),
    ]
    expect(answers.map(({ status, body: { code } }) => `${status} ${code}`)).toEqual([
      '404 USAGE_NOT_FOUND',
      '404 USAGE_NOT_FOUND',
      '404 ACCOUNT_NOT_FOUND',
    ])
    const corrected = await refund({ usage_id: body.refund_id })
    expect(corrected).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'usage_id', problem: `names a correction of ${usage_id}: correct that one` }] },
    })
    for (const reason of ['', 'x'.repeat(201), 'a\u0000b', '\ud800', 5]) {
      const answer = await refund({ usage_id, reason })
      expect([answer.status, fieldsOf(answer)]).toEqual([422, ['reason']])
    }
    expect(fieldsOf(await admin.post('/api/v1/admin/refunds', {}))).toEqual(['account_id', 'usage_id'])
    expect(await balance()).toBe(credits(10_001 - COST))
  })

  it('gives back once under one key, however often and however many at once, and tells the same each time', async () => {
    const { charged, refund, balance } = await open()
    const { usage_id } = await charged()
    const underOneKey = { 'idempotency-key': 'ticket-7' }
    const answers = await Promise.all(Array.from({ length: 20 }, () => refund({ usage_id, credits: 3 }, underOneKey)))
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 201, body: { credits_refunded: '3', credits_refundable: '5' } })
    expect(answers.filter(({ headers }) => !headers.has('idempotency-replayed'))).toHaveLength(1)
    await refund({ usage_id })
    expect((await refund({ usage_id, credits: 3 }, underOneKey)).body).toEqual(answers[0]?.body)
    expect(await balance()).toBe(credits(10_000))
  })

  it('gives back no more than the charge, however many ask at once', async () => {
    const { charged, refund, balance } = await open()
    const [parts, whole] = [await charged(), await charged()]
    const answers = await Promise.all([
      ...Array.from({ length: 12 }, (_, index) =>
        refund({ usage_id: parts.usage_id, credits: 1 }, { 'idempotency-key': `part-${index}` }),
      ),
      ...Array.from({ length: 12 }, () => refund({ usage_id: whole.usage_id })),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(COST + 1).fill(201), ...Array(15).fill(409)])
    const left = answers.slice(0, 12).flatMap(({ body }) => body.credits_refundable ?? [])
    expect(left.map(Number).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(await balance()).toBe(credits(10_000))
  })

  it('gives back to a frozen account, which can only then use it', async () => {
    const { account, admin, api, charged, refund, balance } = await open()
    const { usage_id, workflowId } = await charged()
    const path = `/api/v1/admin/accounts/${account.accountId}`
    const frozen = await admin.post(`${path}/freeze`, { reason: 'a dispute' })
    expect(frozen).toMatchObject({ status: 200, body: { account_id: account.accountId, frozen: true } })
    expect((await admin.get('/api/v1/admin/accounts')).body.accounts).toMatchObject([{ name: 'Ada', frozen: true }])
    const work = () => api.post(`/api/v1/workflows/${workflowId}/usage`, usage)
    expect(await work()).toMatchObject({ status: 403, body: { code: 'ACCOUNT_FROZEN' } })
    expect(await refund({ usage_id })).toMatchObject({ status: 201, body: { credit_balance: 10_000 } })
    expect((await admin.post(`${path}/freeze`)).body.frozen).toBe(true)
    expect((await admin.post(`${path}/unfreeze`)).body).toEqual({ account_id: account.accountId, frozen: false })
    expect((await admin.get('/api/v1/admin/accounts')).body.accounts?.[0]).not.toHaveProperty('frozen')
    expect((await work()).status).toBe(200)
    expect(await balance()).toBe(credits(10_000 - COST))
    for (const verb of ['freeze', 'unfreeze'])
      expect(await admin.post(`/api/v1/admin/accounts/nobody/${verb}`)).toMatchObject({
        status: 404,
        body: { code: 'ACCOUNT_NOT_FOUND' },
      })
  })

  it('takes back what is left of a grant, and what it paid returns as another', async () => {
    const { account, admin, charged, refund, balance } = await open()
    const { accountId: account_id } = account
    const gift = (await admin.post('/api/v1/admin/grants', { account_id, credits: '20.5', source: 'promo', priority: 1 })).body
    const { usage_id } = await charged()
    const revoke = (id: unknown, body = { account_id }) => admin.post(`/api/v1/admin/grants/${id}/revoke`, body)
    expect(await revoke(gift.grant_id)).toMatchObject({
      status: 200,
      body: { grant_id: gift.grant_id, credits_revoked: '12.5', credit_balance: 10_000 },
    })
    expect((await revoke(gift.grant_id)).body).toMatchObject({ credits_revoked: '12.5', credit_balance: 10_000 })
    expect(await refund({ usage_id })).toMatchObject({ status: 201, body: { credit_balance: 10_008 } })
    expect(await balance()).toBe(credits(10_000 + COST))
    expect(await revoke('nothing')).toMatchObject({ status: 404, body: { code: 'GRANT_NOT_FOUND' } })
    expect(await revoke(gift.grant_id, { account_id: 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'ACCOUNT_NOT_FOUND' },
    })
  })

  it('charges a grant back whose payment was reversed', async () => {
    const { account, admin, charged, balance } = await open()
    const { accountId: account_id } = account
    const { grant_id } = (await admin.post('/api/v1/admin/grants', { account_id, credits: 20, priority: 1 })).body
    await charged()
    const chargeback = (id: unknown) => admin.post(`/api/v1/admin/grants/${id}/chargeback`, { account_id, reason: 'disputed' })
    const first = await chargeback(grant_id)
    expect([first.status, first.body]).toEqual([
      200,
      { grant_id, credits_recovered: '12', credits_owed: '8', credit_balance: 9_992 },
    ])
    expect((await chargeback(grant_id)).body).toEqual(first.body)
    expect(await chargeback('nothing')).toMatchObject({ status: 404, body: { code: 'GRANT_NOT_FOUND' } })
    expect(await balance()).toBe(credits(9_992))
  })
})

interface Charge {
  usage_id: string
  credits_charged: string
  credits_refundable: string
}

function fieldsOf({ body }: ApiAnswer): unknown[] {
  const errors = body.errors as unknown as { field: string }[]
  return [...new Set(errors.map(({ field }) => field))]
}
