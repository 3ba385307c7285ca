import { credits, formatCredits, type ProviderAdapter, quantity } from '@farebox/core'
import { type PriceBookDocument, rate, rerate } from '@farebox/pricing'
import { simulated } from '@farebox/providers/simulated'
import { replayDecision } from '@farebox/router'
import { createFarebox, defaultPriceBook, type Farebox, PriceBook } from 'farebox'
import { describe, expect, it, vi } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBeside, openBox, openKey, storeNames } from './open-box.ts'

type Entry = PriceBookDocument['versions'][number]['entries'][number]

/** The default book with other prices of the phone, and of chats where they are given. */
function bookWith(phone: Partial<Entry>, chat: Partial<Entry> = {}): PriceBook {
  const [version] = defaultPriceBook.document.versions
  const entries = (version?.entries ?? []).map((entry) => {
    if (entry.service === 'phone') return { ...entry, ...phone }
    return entry.provider === 'gpt-4o-mini' ? { ...entry, ...chat } : entry
  })
  return new PriceBook({
    name: 'rules',
    currency: 'credits',
    versions: [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }],
  })
}

const whole = { unit: 'minutes' as const, amount: '20', increment: { first: '1', next: '1' } }
const metered = bookWith({ rates: [whole], connect_fee: '5', minimum_charge: '30' })

describe.each(storeNames)('a call that is recorded in slices, on %s', (on) => {
  it('costs its fee and its minimum once, and its increments over all of it', async () => {
    const box = await openBox({ on, prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    const paid = []
    for (let slice = 0; slice < 10; slice += 1) {
      paid.push((await workflow.record('phone', 'twilio', 7, 'seconds', { call: 'a' })).creditsUsed)
    }
    expect(paid.map(formatCredits)).toEqual(['30', '0', '0', '0', '0', '0', '0', '0', '15', '0'])
    await workflow.record('phone', 'twilio', 10, 'seconds', { call: 'b' })
    expect((await workflow.close()).total_credits_used).toBe(45 + 30)
  })

  it('is another call than one of the same name at another provider or service', async () => {
    const [version] = metered.document.versions
    const entries = (version?.entries ?? []).flatMap((entry) =>
      entry.service === 'phone' ? [entry, { ...entry, provider: 'other' }, { ...entry, service: 'voice_stt' }] : [entry],
    )
    const prices = new PriceBook({ ...metered.document, versions: [{ ...version, version: '1', entries }] } as PriceBookDocument)
    const box = await openBox({ on, prices })
    const workflow = box.workflow({ accountId: (await openAccount(box)).accountId, name: 'call' })
    const record = async (service: 'phone' | 'voice_stt', provider: string) =>
      formatCredits((await workflow.record(service, provider, 60, 'seconds', { call: 'a' })).creditsUsed)
    const first = [await record('phone', 'twilio'), await record('phone', 'other'), await record('voice_stt', 'twilio')]
    expect(first).toEqual(['30', '30', '30'])
    expect(await record('phone', 'twilio')).toBe('15')
    const explained = (await workflow.explain()).map(({ explanation }) => explanation?.charged)
    expect(explained).toEqual(['30', '30', '30', '45'])
  })

  it('answers a repeated slice as before, though the key allows no further one', async () => {
    const box = await openBox({ on, prices: metered })
    const { accountId } = await openAccount(box)
    const { key } = await openKey(box, accountId, { services: [{ service: 'phone', costLimitPerRequest: credits(45) }] })
    const apiKey = await box.ledger.authenticate(key)
    const workflow = box.workflow({ accountId, name: 'call', apiKey })
    const record = (idempotencyKey: string) => workflow.record('phone', 'twilio', 60, 'seconds', { call: 'a', idempotencyKey })
    const paid = [await record('first'), await record('second')]
    expect(paid.map(({ creditsUsed }) => formatCredits(creditsUsed))).toEqual(['30', '15'])
    expect([await record('first'), await record('second')]).toEqual(paid)
    await expect(record('third')).rejects.toMatchObject({ code: 'REQUEST_LIMIT' })
  })

  it('answers a slice alike that two processes are asked for at once', async () => {
    let now = Date.now()
    const clock = () => ++now
    const box = await openBox({ on, clock, prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    await workflow.open()
    const other = openBeside(box, { clock, prices: metered })
    const record = (at: Farebox, seconds = 60) =>
      at
        .workflow({ accountId, name: 'call', workflowId: workflow.id, isOpened: true })
        .record('phone', 'twilio', seconds, 'seconds', { call: 'a', idempotencyKey: 'first' })
    const { charge } = other.ledger
    let first: ReturnType<typeof record> | undefined
    other.ledger.charge = async (input, call) => {
      first ??= record(box)
      await first
      return charge.call(other.ledger, input, call)
    }
    const second = await record(other)
    expect(second).toEqual(await first)
    expect(formatCredits((await box.ledger.workflow(accountId, workflow.id)).spent)).toBe('30')
    await expect(record(other, 61)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
  })

  it('costs what the whole call would where several processes record its slices at once', async () => {
    const box = await openBox({ on, prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    await workflow.open()
    const resumed = [box, openBeside(box, { prices: metered }), openBeside(box, { prices: metered })].map((process) =>
      process.workflow({ accountId, name: 'call', workflowId: workflow.id, isOpened: true }),
    )
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(resumed.map((each) => each.record('phone', 'twilio', 7, 'seconds', { call: 'a' })))
    }
    // 105 seconds are two minutes.
    expect(formatCredits((await box.ledger.workflow(accountId, workflow.id)).spent)).toBe('45')
    expect(await box.ledger.usageOf(accountId, workflow.id)).toHaveLength(15)
    expect((await box.ledger.verify(accountId)).mismatches).toEqual([])
  })

  it('costs what the whole call would where several processes record it in several units', async () => {
    const box = await openBox({ on, prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    await workflow.open()
    const [one, other] = [box, openBeside(box, { prices: metered })].map((process) =>
      process.workflow({ accountId, name: 'call', workflowId: workflow.id, isOpened: true }),
    )
    const paid = []
    const slices = [
      [one, 30, 'seconds'],
      [other, 1, 'minutes'],
      [one, 30, 'seconds'],
      [one, 30, 'seconds'],
    ] as const
    for (const [at, units, unit] of slices) paid.push(await at?.record('phone', 'twilio', units, unit, { call: 'a' }))
    expect(paid.map((each) => formatCredits(each?.creditsUsed ?? credits(0)))).toEqual(['30', '15', '0', '20'])
  })

  it('is read from the ledger once, and again after somebody else has charged to its line', async () => {
    const box = await openBox({ on, prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    await workflow.open()
    const other = openBeside(box, { prices: metered }).workflow({
      accountId,
      name: 'call',
      workflowId: workflow.id,
      isOpened: true,
    })
    const usageOf = vi.spyOn(box.ledger, 'usageOf')
    const slice = (key?: string) => workflow.record('phone', 'twilio', 20, 'seconds', { call: 'a', idempotencyKey: key })
    const paid = [await slice(), await slice('second'), await slice()]
    expect(usageOf).toHaveBeenCalledTimes(1)
    expect(await slice('second')).toEqual(paid[1])
    expect(usageOf).toHaveBeenCalledTimes(2)
    await other.record('phone', 'twilio', 20, 'seconds', { call: 'a' })
    await slice()
    expect(usageOf).toHaveBeenCalledTimes(3)
    await slice()
    expect(usageOf).toHaveBeenCalledTimes(3)
    // 20 seconds six times.
    expect(formatCredits((await box.ledger.workflow(accountId, workflow.id)).spent)).toBe('45')
  })

  it('may be one of many whose slices come at once: each is read once, and none is refused', async () => {
    const box = await openBox({ on, prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'calls' })
    await workflow.open()
    const usageOf = vi.spyOn(box.ledger, 'usageOf')
    const calls = Array.from({ length: 120 }, (_, index) => `call ${index}`)
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(calls.map((call) => workflow.record('phone', 'twilio', '0.1', 'seconds', { call })))
      expect(usageOf).toHaveBeenCalledTimes(calls.length)
    }
    expect(await box.ledger.usageOf(accountId, workflow.id)).toHaveLength(2 * calls.length)
    expect(formatCredits((await box.ledger.workflow(accountId, workflow.id)).spent)).toBe(String(30 * calls.length))
  })

  it('is charged once where another process charges another call, and then its first slice, in between', async () => {
    const box = await openBox({ on, prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'calls' })
    await workflow.open()
    let now = Date.now()
    const other = openBeside(box, { prices: metered, clock: () => now++ }).workflow({
      accountId,
      name: 'calls',
      workflowId: workflow.id,
      isOpened: true,
    })
    const slice = { call: 'a', idempotencyKey: 'first' }
    const between = [{ call: 'b' }, slice].values()
    const charge = box.ledger.charge.bind(box.ledger)
    vi.spyOn(box.ledger, 'charge').mockImplementation(async (input) => {
      const next = between.next()
      if (!next.done) await other.record('phone', 'twilio', 7, 'seconds', next.value)
      return charge(input)
    })
    expect(formatCredits((await workflow.record('phone', 'twilio', 7, 'seconds', slice)).creditsUsed)).toBe('30')
    expect(formatCredits((await box.ledger.workflow(accountId, workflow.id)).spent)).toBe('60')
  })

  it('costs us each second once', async () => {
    const entries = [{ service: 'phone', provider: 'twilio', rates: [{ unit: 'minutes' as const, amount: '0.06' }] }]
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const costs = new PriceBook({ name: 'costs', currency: 'usd', versions })
    const box = await openBox({ on, prices: metered, costs })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    for (const seconds of [10, 20, 5]) await workflow.record('phone', 'twilio', seconds, 'seconds', { call: 'a' })
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.map(({ cost }) => cost)).toEqual([10_000_000n, 20_000_000n, 5_000_000n])
  })

  it('costs the same over HTTP, at once and replayed', async () => {
    const box = await openBox({ on, prices: metered })
    const api = await serveApi(box, (await openAccount(box)).key)
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'call' })).body
    const slice = { service_type: 'phone', provider: 'twilio', units_consumed: 7, unit_type: 'seconds', call: 'a' }
    const record = (key: string) => api.post(`/api/v1/workflows/${workflow_id}/usage`, slice, { 'idempotency-key': key })
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => record(`slice-${index}`)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    for (let index = 0; index < 10; index += 1) expect((await record(`slice-${index}`)).body).toEqual(answers[index]?.body)
    const receipt = (await api.post(`/api/v1/workflows/${workflow_id}/close`)).body
    expect(receipt.services_used).toEqual([
      { service_type: 'phone', provider: 'twilio', units_consumed: 70, unit_type: 'seconds', credits_used: 45 },
    ])
  })
})

it('slices of a call add up to the last micro-credit, where no part of it is a decimal', async () => {
  const box = await openBox()
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'call' })
  // A second of deepgram costs 2/15 of a credit.
  for (let second = 0; second < 15; second += 1) await workflow.record('voice_stt', 'deepgram', 1, 'seconds', { call: 'a' })
  expect((await workflow.close()).total_credits_used).toBe(2)
})

it('a price that falls as a call grows is charged once, in slices as in parts of live work', async () => {
  const steps = [{ amount: '30' }, { above: '1', amount: '10' }]
  const falling: Partial<Entry> = { rates: [{ unit: 'minutes', tiers: { mode: 'volume', comparison: 'gt', steps } }] }
  const box = await openBox({ prices: bookWith(falling) })
  const { accountId } = await openAccount(box)
  const sliced = box.workflow({ accountId, name: 'slices' })
  for (let slice = 0; slice < 3; slice += 1) await sliced.record('phone', 'twilio', 60, 'seconds', { call: 'a' })
  // A minute costs 30, two cost 20, and three 30 again.
  expect((await sliced.close()).total_credits_used).toBe(30)
  const live = box.workflow({ accountId, name: 'parts' })
  const time = await live.meter({ service: 'phone', provider: 'twilio' })
  for (let second = 1; second <= 180; second += 1) await time.reached(second)
  expect((await time.end(180)).creditsUsed).toBe(credits(30))
  expect((await live.explain()).map(({ rated }) => rated > 0n)).toEqual([true, false, true])
})

it('what is recorded without the name of a call is a call by itself', async () => {
  const box = await openBox({ prices: metered })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'calls' })
  for (let call = 0; call < 3; call += 1) await workflow.record('phone', 'twilio', 61, 'seconds')
  expect((await workflow.close()).total_credits_used).toBe(3 * 45)
})

describe('what a provider serves', () => {
  it('is charged by the rules of its book: the fee of a phone call once', async () => {
    const box = await openBox({ prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    const call = await workflow.call({
      to: '+15551234567',
      instructions: { type: 'say', text: 'Hello' },
      durationSecondsMax: 120,
    })
    const minutes = Math.ceil(call.durationSeconds / 60)
    expect(call.creditsUsed).toBe(credits(Math.max(30, minutes * 20 + 5)))
    const [charge] = await workflow.explain()
    expect(charge).toMatchObject({ service: 'phone', priceVersion: 'rules@1', charged: call.creditsUsed })
    expect(charge?.explanation?.steps.map(({ rule }) => rule)).toContain('connect_fee')
  })

  it('is not begun where the book refuses so dear a call', async () => {
    const box = await openBox({ prices: bookWith({}, { maximum_charge: { amount: '1', action: 'refuse' } }) })
    const account = await openAccount(box)
    const ask = (outputTokensMax: number) =>
      box
        .workflow({ accountId: account.accountId, name: 'chat' })
        .chat({ messages: [{ role: 'user', content: 'Hello' }], provider: 'gpt-4o-mini', outputTokensMax })
    await expect(ask(4_000)).rejects.toMatchObject({ code: 'REQUEST_LIMIT', limit: credits(1) })
    expect((await ask(100)).creditsUsed).toBe(credits(1))
  })
})

describe('what is held covers', () => {
  it('what a provider keeps of a question in its cache, where that is dearer than the question', async () => {
    const messages = [{ role: 'user' as const, content: 'When does the heron hunt? '.repeat(1_000) }]
    const ask = { messages, provider: 'm', outputTokensMax: 10 }
    let kept = quantity(0)
    const keeping: ProviderAdapter = {
      name: 'keeping',
      isSimulated: false,
      availability: { status: 'ready' },
      offers: [{ service: 'gpt', provider: 'm', model: 'gpt-5.6-sol', capabilities: {}, quality: 0.8, latencyMs: 100 }],
      chat: async ({ model }) => {
        const quantities = [{ meter: 'cache_write', quantity: kept, unit: 'tokens' as const }]
        return { text: 'At dawn.', finishReason: 'stop', model, usage: { quantities, certainty: 'exact' } }
      },
    }
    const rate = (meter: string, amount: string) => ({ unit: 'tokens' as const, meter, amount, per: '1000' })
    const rates = [rate('input', '2'), rate('cached_input', '0.2'), rate('cache_write', '2.5'), rate('output', '10')]
    const entries = [{ service: 'gpt', provider: 'm', rates }]
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const prices = new PriceBook({ name: 'caches', currency: 'credits', versions })
    const box = await openBox({ providers: [keeping], prices })
    const poor = await openAccount(box, { balance: credits(14) })
    const { services, high } = await box.workflow({ accountId: poor.accountId, name: 'poor' }).estimate({ chat: ask })
    kept = services[0]?.quantities[0]?.quantity ?? kept
    const before = { messages, max_output_tokens: 10, service_configuration: { primary_ai_model: 'm', fallback_ai_model: null } }
    expect((await box.estimateTexts(before)).total_credits_high).toBe(Number(formatCredits(high)))
    const asked = box.workflow({ accountId: poor.accountId, name: 'asked' }).chat(ask)
    await expect(asked).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
    const { accountId } = await openAccount(box, { balance: high })
    const workflow = box.workflow({ accountId, name: 'rich' })
    expect((await workflow.chat(ask)).creditsUsed).toBeLessThanOrEqual(high)
    expect((await box.ledger.usageOf(accountId, workflow.id)).map(({ shortfall }) => shortfall)).toEqual([0n])
  })

  it('a call that ends where its price is the highest', async () => {
    const steps = [{ amount: '30' }, { above: '1', amount: '10' }]
    const falling: Partial<Entry> = { rates: [{ unit: 'minutes', tiers: { mode: 'volume', comparison: 'gt', steps } }] }
    const box = await openBox({ prices: bookWith(falling), providers: [simulated({ callSeconds: 60 })] })
    const { accountId } = await openAccount(box, { balance: credits(30) })
    const workflow = box.workflow({ accountId, name: 'call' })
    const call = { to: '+15551234567', instructions: { type: 'say' as const, text: 'Hello' }, durationSecondsMax: 120 }
    expect((await workflow.estimate({ call })).high).toBe(credits(30))
    expect((await workflow.call(call)).creditsUsed).toBe(credits(30))
    // By the same prices the same would be decided again.
    const [{ decision } = {}] = await workflow.decisions()
    expect(decision && replayDecision(decision, { prices: box.prices }).diff).toEqual([])
  })
})

describe('rounding', () => {
  it.each([
    ['0.1', 'total', 61, '20.4'], // 61/60 × 20, up to a tenth
    ['5', 'total', 61, '25'],
    ['0.5', 'resource', 61, '20.5'],
  ] as const)('to %s credits by %s', async (step, point, used, cost) => {
    const box = await openBox({ prices: bookWith({ rounding: { step, point } }) })
    const { accountId } = await openAccount(box)
    const { creditsUsed } = await box.workflow({ accountId, name: 'call' }).record('phone', 'twilio', used, 'seconds')
    expect(formatCredits(creditsUsed)).toBe(cost)
  })

  it('of each call comes before the sum of a line, and of totals after it', async () => {
    const totals = []
    for (const point of ['resource', 'total'] as const) {
      const box = await openBox({ prices: bookWith({ rounding: { step: '1', point } }) })
      const { accountId } = await openAccount(box)
      const workflow = box.workflow({ accountId, name: 'calls' })
      for (let call = 0; call < 4; call += 1) await workflow.record('phone', 'twilio', '0.01', 'minutes')
      totals.push((await workflow.close()).total_credits_used)
    }
    expect(totals).toEqual([4, 1])
  })
})

describe('an explanation of a workflow', () => {
  it('says why, by the version that was in force, and can be rated again by another', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'mixed' })
    await workflow.record('voice_stt', 'deepgram', '3.2', 'seconds')
    await workflow.chat({ messages: [{ role: 'user', content: 'Hello' }], provider: 'gpt-4o-mini' })
    const charges = await workflow.explain()
    expect(charges.map(({ explanation }) => explanation?.version)).toEqual(['default@1', 'default@1'])
    expect(charges[0]?.explanation).toMatchObject({ service: 'voice_stt', total: '32/75', charged: '1' })
    expect(charges[1]?.explanation?.lines[0]?.steps[0]?.text).toMatch(/tokens of input \+ .* tokens of output/)
    const usage = [{ meter: 'usage', quantity: quantity('3.2'), unit: 'seconds' as const }]
    const rating = rate(defaultPriceBook, { service: 'voice_stt', provider: 'deepgram', at: Date.now() }, usage)
    expect(() => rerate(rating, metered)).not.toThrow()
  })

  it('explains slices by the call as far as each of them', async () => {
    const box = await openBox({ prices: metered })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'call' })
    for (const used of [50, 20]) await workflow.record('phone', 'twilio', used, 'seconds', { call: 'a' })
    const charges = await workflow.explain()
    expect(charges.map(({ call, rated, explanation }) => [call, formatCredits(rated), explanation?.charged])).toEqual([
      ['a', '30', '30'],
      ['a', '15', '45'],
    ])
  })
})

it('the list of prices shows the rules', async () => {
  const box = await openBox({ prices: metered })
  const { prices } = (await (await serveApi(box)).get('/api/v1/prices')).body as unknown as { prices: Record<string, unknown>[] }
  const increment = { first: '1', next: '1' }
  expect(prices.find(({ service_type }) => service_type === 'phone')).toEqual({
    service_type: 'phone',
    provider: 'twilio',
    credits: '20',
    per: '1',
    unit_type: 'minutes',
    rules: { increment, connect_fee: '5', minimum_charge: '30' },
  })
  expect(prices.find(({ service_type }) => service_type === 'voice_stt')).not.toHaveProperty('rules')
})

it.each<[string, Partial<Entry>]>([
  [
    'rules@1 phone twilio has a rule by period',
    { rates: [{ unit: 'minutes', amount: '20', included: { quantity: '100', basis: 'period' } }] },
  ],
  ['rules@1 phone twilio rounds totals down', { rounding: { mode: 'down', step: '1', point: 'total' } }],
])('a book that cannot be settled call by call is refused: %s', async (problem, phone) => {
  const store = { name: 'unused' } as unknown as Parameters<typeof createFarebox>[0]['store']
  expect(() => createFarebox({ store, providers: [], prices: bookWith(phone) })).toThrow(problem)
})
