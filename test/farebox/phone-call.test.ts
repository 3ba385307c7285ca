import {
  type CallContext,
  type Credits,
  nanoUsd,
  type PhoneRequest,
  type PhoneResult,
  ProviderError,
  type ProviderErrorKind,
  quantity,
  type Usage,
} from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { simulated, simulatedOffers } from '@farebox/providers/simulated'
import { credits, type Farebox, PriceBook, type PriceBookDocument } from 'farebox'
import { describe, expect, it, vi } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

const call = { to: '+15551234567', message: 'Your taxi is here.' }
const underOneKey = { 'idempotency-key': 'ring-once' }

/** A telephone network that counts how often it was asked to dial. */
async function open(answer: () => Promise<PhoneResult>, options: { clock?: () => number } = {}) {
  const dialled: string[] = []
  const phone = {
    ...simulated({ services: ['phone'], name: 'phone' }),
    call: async (request: { to: string }) => {
      dialled.push(request.to)
      return answer()
    },
  }
  const box = await openBox({ providers: [phone, simulated({ offers: simulatedOffers, except: phone.offers })], ...options })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  return { box, account, dialled, ring: () => api.post(`/api/v1/agent/${agent_id}/call`, call, underOneKey) }
}

function failure(kind: ProviderErrorKind): () => Promise<PhoneResult> {
  return () => Promise.reject(new ProviderError('the line is odd', { provider: 'twilio', kind }))
}

describe('a phone call under one idempotency key', () => {
  it.each<ProviderErrorKind>(['outcome_unknown', 'unavailable', 'network', 'timeout', 'malformed'])(
    'is not dialled again after %s, since the telephone may have rung',
    async (kind) => {
      const { box, account, dialled, ring } = await open(failure(kind))
      const first = await ring()
      expect(first).toMatchObject({ status: 502, body: { code: 'OUTCOME_UNKNOWN' } })
      expect(first.body).not.toHaveProperty('retry_after')
      expect(await ring()).toMatchObject({ status: 502, body: { code: 'OUTCOME_UNKNOWN' } })
      expect(dialled).toEqual([call.to])
      expect(await box.ledger.balance(account.accountId)).toMatchObject({ balance: 10_000_000_000n, held: 0n })
    },
  )

  it('is not dialled again when the process died that dialled it, though nothing was charged', async () => {
    let now = Date.now()
    const { box, dialled, ring } = await open(failure('quota_exhausted'), { clock: () => now })
    const { saveDocument } = box.ledger
    box.ledger.saveDocument = (input, options) =>
      input.kind === 'run_end' ? Promise.reject(new Error('the process died')) : saveDocument.call(box.ledger, input, options)
    expect((await ring()).status).toBe(502)
    expect(await ring()).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS' } })
    now += 11 * 60_000
    for (const answer of [await ring(), await ring()]) {
      expect(answer).toMatchObject({ status: 502, body: { code: 'OUTCOME_UNKNOWN' } })
    }
    expect(dialled).toEqual([call.to])
  })

  it('is dialled again when the provider says that it did not dial', async () => {
    let isBusy = true
    const { dialled, ring } = await open(async () => {
      if (isBusy) return failure('quota_exhausted')()
      return { callId: 'CA1', status: 'completed', durationSeconds: 60 }
    })
    expect(await ring()).toMatchObject({ status: 502, body: { code: 'PROVIDERS_FAILED' } })
    isBusy = false
    expect(await ring()).toMatchObject({ status: 200, body: { call_id: 'CA1', receipt: { total_credits_used: 20 } } })
    expect(await ring()).toMatchObject({ status: 200, body: { call_id: 'CA1' } })
    expect(dialled).toHaveLength(2)
  })

  it.each<[string, number, string, (box: Farebox, accountId: string) => Promise<() => Promise<unknown>>]>([
    [
      'account is frozen',
      403,
      'ACCOUNT_FROZEN',
      async ({ ledger }, accountId) => {
        await ledger.freezeAccount({ accountId, isFrozen: true })
        return () => ledger.freezeAccount({ accountId, isFrozen: false })
      },
    ],
    [
      'budget is spent',
      402,
      'BUDGET_EXCEEDED',
      async ({ ledger }, accountId) => {
        const { budgetId } = await ledger.setBudget({ accountId, period: 'day', limit: credits(1) })
        return () => ledger.setBudget({ budgetId, accountId, period: 'day', limit: credits(1_000), idempotencyKey: 'more' })
      },
    ],
    [
      'key may not telephone',
      403,
      'SERVICE_NOT_ALLOWED',
      async ({ ledger }, accountId) => {
        const [key] = await ledger.apiKeys(accountId)
        const apiKeyId = key?.apiKeyId ?? ''
        await ledger.setKeyServices({ accountId, apiKeyId, services: [{ service: 'gpt' }] })
        return () => ledger.setKeyServices({ accountId, apiKeyId, services: [{ service: 'phone' }], idempotencyKey: 'more' })
      },
    ],
  ])('that is refused because its %s is dialled once it may be', async (_, status, code, refuse) => {
    const { box, account, dialled, ring } = await open(async () => ({ callId: 'CA1', status: 'completed', durationSeconds: 60 }))
    const allow = await refuse(box, account.accountId)
    for (let count = 0; count < 2; count++) expect(await ring()).toMatchObject({ status, body: { code } })
    await allow()
    for (let count = 0; count < 2; count++) expect(await ring()).toMatchObject({ status: 200, body: { call_id: 'CA1' } })
    expect(dialled).toEqual([call.to])
  })

  it.each<[ProviderErrorKind, number, string]>([
    ['rate_limited', 429, 'PROVIDERS_BUSY'],
    ['invalid_request', 422, 'REQUEST_REJECTED'],
  ])('is dialled again after %s, since the telephone did not ring', async (kind, status, code) => {
    let isIll = true
    const { ring } = await open(async () => {
      if (isIll) return failure(kind)()
      return { callId: 'CA1', status: 'completed', durationSeconds: 60 }
    })
    expect(await ring()).toMatchObject({ status, body: { code } })
    isIll = false
    expect(await ring()).toMatchObject({ status: 200, body: { call_id: 'CA1' } })
  })
})

describe('a phone call of which the provider tells what cannot be', () => {
  const told = { callId: 'CA1', status: 'completed', durationSeconds: 30 } as const
  const lasted = (length: number, unit: 'seconds' | 'minutes' = 'seconds'): Usage => ({
    quantities: [{ meter: 'duration', quantity: quantity(length), unit }],
    certainty: 'exact',
  })

  it.each<[string, Partial<PhoneResult>, number, string]>([
    ['no length', { durationSeconds: Number.NaN }, 20, 'ceiling'],
    ['a length below zero', { durationSeconds: -1 }, 20, 'ceiling'],
    ['a length that no call has', { durationSeconds: 1e12 }, 20, 'ceiling'],
    ['a length that no quantity has', { durationSeconds: 1e15 }, 20, 'ceiling'],
    ['a usage as long as no call is', { durationSeconds: 4e7, usage: lasted(4e7) }, 20, 'ceiling'],
    ['a usage as long as no call is, in minutes', { usage: lasted(1e6, 'minutes') }, 10, 'derived'],
    ['a price that would be paid to us', { cost: nanoUsd(-20_000_000n) }, 10, 'derived'],
    ['a price that no call has', { cost: nanoUsd(10n ** 20n) }, 10, 'derived'],
  ])('such as %s, is charged all the same, and holds nothing any more', async (_, odd, charged, certainty) => {
    const phone = { ...simulated({ services: ['phone'], name: 'phone' }), call: async () => ({ ...told, ...odd }) }
    const box = await openBox({ providers: [phone] })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'taxi' })
    const instructions = { type: 'say', text: call.message } as const
    const { creditsUsed, durationSeconds } = await workflow.call({ to: call.to, instructions, durationSecondsMax: 60 })
    expect([creditsUsed, durationSeconds]).toEqual([credits(charged), charged * 3])
    const [record] = await box.ledger.usageOf(accountId, workflow.id)
    expect(record?.certainty).toBe(certainty)
    expect(record?.cost).toBeGreaterThan(0n)
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
    await workflow.close()
  })
})

it('a phone call that nobody answered is free, also where its provider tells its length alone', async () => {
  const unanswered = async (): Promise<PhoneResult> => ({ callId: 'CA1', status: 'no_answer', durationSeconds: 0 })
  const box = await openBox({ providers: [{ ...simulated({ services: ['phone'], name: 'phone' }), call: unanswered }] })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'taxi' })
  const instructions = { type: 'say', text: call.message } as const
  const { creditsUsed, durationSeconds } = await workflow.call({ to: call.to, instructions, durationSecondsMax: 60 })
  expect([creditsUsed, durationSeconds]).toEqual([0n, 0])
  expect(await box.ledger.usageOf(accountId, workflow.id)).toMatchObject([{ charged: 0n, cost: 0n, certainty: 'derived' }])
  expect((await box.ledger.balance(accountId)).held).toBe(0n)
})

describe('a phone call that is asked for longer than there are credits', () => {
  const minutes = { unit: 'minutes', amount: '20' } as const
  const asked = { to: call.to, instructions: { type: 'say', text: call.message } } as const

  async function ring(
    durationSecondsMax: number,
    entry: Partial<PriceBookDocument['versions'][number]['entries'][number]>,
    { maxCredits, budget }: { maxCredits?: Credits; budget?: Credits } = {},
  ) {
    const entries = [{ service: 'phone', provider: 'twilio', rates: [minutes], ...entry }]
    const prices = new PriceBook({
      name: 'calls',
      currency: 'credits',
      versions: [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }],
    })
    const dialled: number[] = []
    const phone = {
      ...simulated({ services: ['phone'], name: 'phone' }),
      call: async ({ durationSecondsMax: durationSeconds }: PhoneRequest): Promise<PhoneResult> => {
        dialled.push(durationSeconds)
        return { callId: 'CA1', status: 'completed', durationSeconds }
      },
    }
    const box = await openBox({ providers: [phone], prices })
    const { accountId } = await openAccount(box, { balance: credits(50) })
    if (budget !== undefined) await box.ledger.setBudget({ accountId, period: 'day', limit: budget })
    const holds = vi.spyOn(box.ledger, 'placeHold')
    const { creditsUsed } = await box.workflow({ accountId, name: 'taxi', maxCredits }).call({ ...asked, durationSecondsMax })
    return { dialled, creditsUsed, holds: holds.mock.calls.length }
  }

  it('is ended earlier, also where its length is no whole number of seconds', async () => {
    expect(await ring(200.5, {})).toMatchObject({ dialled: [150], creditsUsed: credits(50) })
  })

  it('is ended earlier where its workflow or a budget allows less than the balance', async () => {
    expect(await ring(600, {}, { maxCredits: credits(30) })).toMatchObject({ dialled: [90], creditsUsed: credits(30) })
    expect(await ring(600, {}, { budget: credits(20) })).toMatchObject({ dialled: [60], creditsUsed: credits(20) })
    await expect(ring(600, {}, { maxCredits: credits(0) })).rejects.toMatchObject({ code: 'WORKFLOW_CEILING' })
    await expect(ring(600, {}, { budget: credits(1) })).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' })
  })

  it('is ended earlier where there is a fee for it, and where minutes are billed whole', async () => {
    expect((await ring(600, { connect_fee: '1' })).dialled).toEqual([147])
    const rates = [{ ...minutes, increment: { first: '1', next: '1' } }]
    expect(await ring(600, { rates })).toMatchObject({ dialled: [120], creditsUsed: credits(40) })
  })

  it('is as long as can be paid to the second, without asking the ledger for every length in between', async () => {
    // Ten credits are left for the time, which is half a minute: in steps of ten seconds it was tried dozens of times.
    expect(await ring(7_200, { connect_fee: '40' })).toEqual({ dialled: [30], creditsUsed: credits(50), holds: 2 })
    await expect(ring(7_200, { connect_fee: '47' })).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
  })
})

describe('a phone call that rings as long as a telephone may', () => {
  it.each([
    ['as its adapter says', 600, 610],
    ['where its adapter says nothing', 110, undefined],
  ])(
    'is waited for to the end of its full length, which begins when somebody answers, %s',
    async (_, ringSeconds, callExtraSeconds) => {
      const phone = {
        ...simulated({ services: ['phone'], name: 'phone' }),
        callExtraSeconds,
        call: ({ durationSecondsMax: durationSeconds }: PhoneRequest, { signal }: CallContext) =>
          new Promise<PhoneResult>((resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason))
            setTimeout(
              () => resolve({ callId: 'CA1', status: 'completed', durationSeconds }),
              (ringSeconds + durationSeconds) * 1000,
            )
            void vi.advanceTimersByTimeAsync((ringSeconds + durationSeconds + 1) * 1000)
          }),
      }
      const box = await openBox({ providers: [phone] })
      const { accountId } = await openAccount(box)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      try {
        const asked = { to: call.to, instructions: { type: 'say', text: call.message } } as const
        const { creditsUsed } = await box.workflow({ accountId, name: 'taxi' }).call({ ...asked, durationSecondsMax: 60 })
        expect(creditsUsed).toBe(credits(20))
      } finally {
        vi.useRealTimers()
      }
    },
  )
})

it('a phone call is made and charged though its caller has left, since nobody stays on the line for it', async () => {
  const { box, account, dialled } = await open(async () => ({ callId: 'CA1', status: 'completed', durationSeconds: 60 }))
  const workflow = box.workflow({ accountId: account.accountId, name: 'taxi' })
  const instructions = { type: 'say', text: call.message } as const
  const answer = await workflow.call({ to: call.to, instructions, signal: AbortSignal.abort() })
  expect([dialled, answer.creditsUsed]).toEqual([[call.to], credits(20)])
  await workflow.end()
})

it('a phone call that cannot be noted is not dialled, and holds nothing any more', async () => {
  const { box, account, dialled } = await open(async () => ({ callId: 'CA1', status: 'completed', durationSeconds: 60 }))
  const { saveDocument } = box.ledger
  box.ledger.saveDocument = (input, options) =>
    input.kind === 'phone_call'
      ? Promise.reject(new LedgerUnavailableError('the database is away'))
      : saveDocument.call(box.ledger, input, options)
  const workflow = box.workflow({ accountId: account.accountId, name: 'taxi' })
  const instructions = { type: 'say', text: call.message } as const
  await expect(workflow.call({ to: call.to, instructions })).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
  expect(dialled).toEqual([])
  // Though its workflow is still open.
  expect(await box.ledger.balance(account.accountId)).toMatchObject({ balance: credits(10_000), held: 0n })
  await workflow.close()
})
