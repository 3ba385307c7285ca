import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Credits, quantity } from '@farebox/core'
import { type CreateApiKeyInput, LedgerUnavailableError } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import {
  createFarebox,
  credits,
  type FareboxOptions,
  type MeterInput,
  PriceBook,
  type PriceBookDocument,
  presets,
  type Workflow,
} from 'farebox'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openAccount, openBeside, openBox, openKey, type StoreName, storeNames } from './open-box.ts'

/** Credits that a minute costs. */
const MINUTE = 20

type Entry = PriceBookDocument['versions'][number]['entries'][number]

function book(rules: Partial<Entry> = {}): PriceBook {
  const phone: Entry = { service: 'phone', provider: 'twilio', rates: [{ unit: 'minutes', amount: String(MINUTE) }], ...rules }
  const entries: Entry[] = [phone, { service: 'gpt', provider: 'gpt-4o', rates: [{ unit: 'tokens', amount: '1', per: '1000' }] }]
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
  return new PriceBook({ name: 'calls', currency: 'credits', versions })
}

const line = { service: 'phone', provider: 'twilio' } as const

async function open(
  balance: Credits,
  { on = 'SQLite', ...options }: Partial<FareboxOptions> & { on?: StoreName; storeClock?: () => number } = {},
) {
  const box = await openBox({ on, prices: book(), ...options })
  const { accountId, key } = await openAccount(box, { balance })
  const workflow = box.workflow({ accountId, name: 'call' })
  const rows = () => box.ledger.usageOf(accountId, workflow.id)
  const money = () => box.ledger.balance(accountId)
  return { box, accountId, key, workflow, rows, money }
}

/** Lets time pass, a second at a time, until there is no more or `each` says so. @returns how far it came */
async function pass(
  workflow: Workflow,
  until: number,
  { each, ...input }: Partial<MeterInput> & { each?: (second: number) => Promise<unknown> } = {},
) {
  const time = await workflow.meter({ ...line, ...input })
  for (let second = 1; second <= until && !time.isSpent; second += 1) {
    await time.reached(second)
    await each?.(second)
  }
  return time
}

describe.each(storeNames)('metered time on %s', (on) => {
  it('is held ahead while it passes, and charged in parts that cost what the whole would', async () => {
    const { workflow, rows, money } = await open(credits(1_000), { on })
    const held: bigint[] = []
    const time = await pass(workflow, 150, { requestId: 'CA1', each: async () => held.push((await money()).held) })
    // Never less than the ten seconds in reserve, and never more than that, fifteen seconds and what is not charged yet.
    expect(held.every((amount) => amount > 0n && amount <= credits(MINUTE * 2))).toBe(true)
    expect(new Set(held).size).toBeGreaterThan(3)
    expect(await time.end(151)).toEqual({ creditsUsed: credits(51), seconds: 151 })
    expect(await time.end(900)).toEqual({ creditsUsed: credits(51), seconds: 151 })
    const records = await rows()
    expect(records.map(({ certainty }) => certainty)).toEqual(['derived', 'derived', 'exact'])
    expect(records.reduce((sum, record) => sum + record.quantity, 0n)).toBe(quantity(151))
    expect(records[0]?.details).toMatchObject({ requestId: 'CA1' })
    expect(await money()).toMatchObject({ balance: credits(1_000 - 51), held: 0n })
    const { services_used } = await workflow.close()
    expect(services_used).toMatchObject([{ service_type: 'phone', provider: 'twilio', units_consumed: 151, credits_used: 51 }])
  })

  it('tells once that credits run low, and that they are gone while the reserve is still paid for', async () => {
    const { workflow, money } = await open(credits(40), { on })
    const low: number[] = []
    let spent = 0
    const time = await pass(workflow, 600, {
      onLow: ({ secondsLeft }) => low.push(secondsLeft),
      onSpent: () => {
        spent += 1
      },
    })
    // Forty credits are two minutes, ten seconds of which are in reserve.
    expect(time.isSpent).toBe(true)
    expect(time.seconds).toBeGreaterThanOrEqual(108)
    expect(time.seconds).toBeLessThanOrEqual(111)
    expect([low.length, spent]).toEqual([1, 1])
    expect(low[0]).toBeGreaterThan(57)
    expect(low[0]).toBeLessThan(60)
    expect(await time.end(118)).toMatchObject({ creditsUsed: credits(40) })
    expect(await money()).toMatchObject({ balance: 0n, held: 0n })
  })

  it('tells nobody of low credits where some were added since it last asked, and never of less than no time', async () => {
    const { box, accountId, workflow } = await open(credits(100), { on })
    const low: number[] = []
    const onLow = ({ secondsLeft }: { secondsLeft: number }) => void low.push(secondsLeft)
    const time = await workflow.meter({ ...line, onLow })
    await box.ledger.grant({ accountId, amount: credits(100), source: 'purchase' })
    // A hundred credits are five minutes.
    await time.reached(290)
    expect([low, time.isSpent]).toEqual([[], false])
    await time.reached(1_000)
    expect([low, time.isSpent]).toEqual([[0], true])
    await time.end(600)
  })

  it('tells of low credits by what everything on the account takes, not by its own price alone', async () => {
    const { box, accountId, workflow } = await open(credits(100), { on })
    const other = box.workflow({ accountId, name: 'chats' })
    let low: { at: number; secondsLeft: number } | undefined
    let now = 0
    const time = await pass(workflow, 600, {
      onLow: ({ secondsLeft }) => {
        low = { at: now, secondsLeft }
      },
      // A credit each three seconds: as much again as the call.
      each: async (second) => {
        now = second
        if (second % 3 === 0) await other.record('gpt', 'gpt-4o', 1_000, 'tokens').catch(() => undefined)
      },
    })
    // A hundred credits last two and a half minutes so, and would have lasted five.
    expect(low?.at).toBeGreaterThan(70)
    expect(Math.abs((low?.at ?? 0) + (low?.secondsLeft ?? 0) - now)).toBeLessThan(20)
    await time.end()
    await other.close()
  })
})

describe.each(storeNames)('metered time whose Farebox closes, on %s', (on) => {
  it('ends like a stream when its grace is over, is charged for what it had come to, and keeps its hold alive no longer', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const { box, accountId, workflow } = await open(credits(1_000), { on })
    const time = await pass(workflow, 30)
    expect(vi.getTimerCount()).toBe(1)
    await box.close({ graceMs: 1 })
    expect(vi.getTimerCount()).toBe(0)
    const beside = openBeside(box, { prices: book() })
    expect(await beside.ledger.balance(accountId)).toMatchObject({ balance: credits(990), held: 0n })
    await time.reached(60)
    expect(await time.end(60)).toEqual({ creditsUsed: credits(10), seconds: 30 })
  })

  it('is waited for until then, so that its owner can say how long it was', async () => {
    const { box, accountId, workflow } = await open(credits(1_000), { on })
    const time = await pass(workflow, 30)
    const closed = box.close({ graceMs: 600_000 })
    await time.reached(60)
    expect(await time.end(61)).toEqual({ creditsUsed: credits(21), seconds: 61 })
    await closed
    expect(await openBeside(box).ledger.balance(accountId)).toMatchObject({ balance: credits(979), held: 0n })
  })

  it('does not keep it from closing where its last part cannot be written', async () => {
    const errors: unknown[] = []
    const { box, accountId, workflow } = await open(credits(1_000), { on, onError: (error) => errors.push(error) })
    const time = await pass(workflow, 30)
    const away = new LedgerUnavailableError('away')
    const settle = vi.spyOn(box.ledger, 'settleHold').mockRejectedValue(away)
    await box.close({ graceMs: 1 })
    expect(errors).toEqual([away])
    await expect(time.end()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    // Nobody extends it any more, so it would go back by itself in a few minutes.
    await openBeside(box).ledger.releaseHold({ accountId, holdId: settle.mock.calls[0]?.[0].holdId ?? '' })
  })
})

describe('metered time', () => {
  it('is not begun where the reserve cannot be paid, and for as little as that where no more can', async () => {
    const { workflow, money } = await open(credits(3))
    await expect(workflow.meter(line)).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
    expect((await money()).held).toBe(0n)
    const time = await pass(workflow, 60, { reserveSeconds: 2 })
    expect([time.isSpent, time.seconds]).toEqual([true, 8])
    expect(await time.end(9)).toMatchObject({ creditsUsed: credits(3) })
  })

  it('costs what its book says of a call as a whole: a fee once, and minutes that were begun', async () => {
    const minute = { unit: 'minutes' as const, amount: String(MINUTE), increment: { first: '1', next: '1' } }
    const prices = book({ connect_fee: '2', rates: [minute] })
    const { workflow } = await open(credits(1_000), { prices })
    const time = await pass(workflow, 130)
    expect((await time.end(130)).creditsUsed).toBe(credits(2 + 3 * MINUTE))
  })

  it('sees credits run out in time where a fee is in what it holds to begin with', async () => {
    // Thirty credits are the fee, and ten are half a minute, ten seconds of which are in reserve.
    const { workflow, rows } = await open(credits(40), { prices: book({ connect_fee: '30' }) })
    const time = await pass(workflow, 600)
    expect(time.isSpent).toBe(true)
    expect(time.seconds).toBeGreaterThanOrEqual(18)
    expect(time.seconds).toBeLessThanOrEqual(20)
    expect(await time.end(time.seconds + 10)).toMatchObject({ creditsUsed: credits(40) })
    expect((await rows()).map(({ shortfall }) => shortfall)).toEqual([0n])
  })

  it('sees credits run out where less time costs more, as it may end just before the price falls', async () => {
    const steps = [{ amount: '18' }, { above: '1', amount: '6' }]
    const prices = book({ rates: [{ unit: 'minutes', tiers: { mode: 'volume', comparison: 'gt', steps } }] })
    const { workflow, rows } = await open(credits(16), { prices })
    const time = await pass(workflow, 600)
    // Sixteen credits are 53 seconds, ten of which are in reserve. Two minutes would cost twelve.
    expect(time.isSpent).toBe(true)
    expect(time.seconds).toBeLessThanOrEqual(44)
    expect(await time.end(53)).toMatchObject({ creditsUsed: credits(16) })
    expect((await rows()).map(({ shortfall }) => shortfall)).toEqual([0n])
  })

  it('tells whether it is paid for also where a time is reported twice', async () => {
    const { workflow } = await open(credits(5))
    const time = await workflow.meter(line)
    void time.reached(20)
    await time.reached(20)
    expect(time.isSpent).toBe(true)
    await time.end()
  })

  // A length that no price was known for was kept for good: neither the time nor its workflow could be ended any more.
  it.each([4e7, 1e12])('is not as long as no call is, and can be told the right length of after %d', async (wrong) => {
    const { workflow, money } = await open(credits(100))
    const time = await pass(workflow, 30)
    await expect(time.reached(wrong)).rejects.toThrow('received')
    await expect((async () => time.end(wrong))()).rejects.toThrow('received')
    expect([time.seconds, time.isSpent]).toEqual([30, false])
    expect(await time.end(31)).toEqual({ creditsUsed: credits(11), seconds: 31 })
    expect((await workflow.close()).total_credits_used).toBe(11)
    expect(await money()).toMatchObject({ balance: credits(100 - 11), held: 0n })
  })

  it('ends with its workflow, at what it had come to', async () => {
    const { workflow, money } = await open(credits(100))
    const time = await pass(workflow, 30)
    const receipt = await workflow.close()
    expect(receipt.services_used).toMatchObject([{ units_consumed: 30, credits_used: 10 }])
    expect(await time.end()).toEqual({ creditsUsed: credits(10), seconds: 30 })
    await time.reached(90)
    expect(await money()).toMatchObject({ balance: credits(90), held: 0n })
  })

  it('is forgotten by its workflow when it has ended', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const { workflow } = await open(credits(1_000))
    const ended = async () => {
      const time = await workflow.meter(line)
      await time.reached(20)
      await time.end()
      return new WeakRef(time)
    }
    const time = await ended()
    await expect
      .poll(() => {
        collect()
        return time.deref() === undefined
      })
      .toBe(true)
    expect((await workflow.close()).total_credits_used).toBeGreaterThan(0)
  })

  it('is charged no less than what has been charged, and nothing where it did not begin', async () => {
    const { box, accountId, workflow } = await open(credits(100))
    // Of seventy seconds, those are charged that are certain: all but the last few.
    const long = await pass(workflow, 70)
    expect((await long.end(20)).creditsUsed).toBe(credits(20))
    // It says of which seconds that is the price, as the receipt does.
    expect((await long.end()).seconds).toBe(59)
    expect((await workflow.close()).services_used).toMatchObject([{ units_consumed: 59, credits_used: 20 }])
    const none = await box.workflow({ accountId, name: 'none' }).meter(line)
    expect(await none.end()).toEqual({ creditsUsed: 0n, seconds: 0 })
  })

  it('goes on while the ledger is away, and asks again', async () => {
    const errors: unknown[] = []
    const { box, workflow } = await open(credits(100), { onError: (error) => errors.push(error) })
    const extend = box.ledger.extendHold.bind(box.ledger)
    let left = 4
    vi.spyOn(box.ledger, 'extendHold').mockImplementation((input, call) => {
      left -= 1
      return left >= 0 ? Promise.reject(new LedgerUnavailableError('away')) : extend(input, call)
    })
    const time = await pass(workflow, 60)
    expect([errors.length, time.isSpent, time.seconds]).toEqual([4, false, 60])
    expect((await time.end()).creditsUsed).toBe(credits(20))
  })

  it('goes on where its hold expired while everybody was away, and is set aside anew while there are credits', async () => {
    let now = Date.now()
    const clock = () => now
    const box = createFarebox({ store: sqlite({ filename: ':memory:', clock }), prices: book(), providers: [], clock })
    onTestFinished(() => box.close())
    await box.migrate()
    const { accountId } = await openAccount(box, { balance: credits(100) })
    const workflow = box.workflow({ accountId, name: 'call' })
    const spent: string[] = []
    const time = await workflow.meter({ ...line, requestId: 'CA1', onSpent: ({ reason }) => spent.push(reason) })
    for (let second = 1; second <= 70; second += 1) await time.reached(second)
    // Longer than a hold outlives whoever keeps it alive.
    now += 3_600_000
    await box.ledger.sweep()
    expect(await box.ledger.balance(accountId)).toMatchObject({ held: 0n })
    for (let second = 71; second <= 200; second += 1) await time.reached(second)
    expect([spent, time.isSpent]).toEqual([[], false])
    expect((await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)
    for (let second = 201; !time.isSpent; second += 1) await time.reached(second)
    expect(spent).toEqual(['credits'])
    expect(time.seconds).toBeGreaterThanOrEqual(288)
    // A hundred credits are three hundred seconds.
    expect(await time.end(300)).toEqual({ creditsUsed: credits(100), seconds: 300 })
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.reduce((sum, record) => sum + record.quantity, 0n)).toBe(quantity(300))
    expect(records.reduce((sum, record) => sum + record.shortfall, 0n)).toBe(0n)
    expect(await box.ledger.balance(accountId)).toMatchObject({ balance: 0n, held: 0n })
    expect((await box.ledger.verify(accountId)).mismatches).toEqual([])
    await workflow.close()
  })

  it('is one call when it is simulated, also where its hold was set aside anew meanwhile', async () => {
    let now = Date.now()
    const clock = () => now
    const { box, accountId, workflow } = await open(credits(100), { clock, storeClock: clock })
    const time = await workflow.meter(line)
    for (let second = 1; second <= 70; second += 1) await time.reached(second)
    now += 3_600_000
    for (let second = 71; second <= 200; second += 1) await time.reached(second)
    await time.end(240)
    expect(new Set((await box.ledger.usageOf(accountId, workflow.id)).map(({ holdId }) => holdId)).size).toBe(2)
    await workflow.close()
    const ever = { from: 0, to: Date.UTC(2100, 0, 1), accountId }
    const dearer = await box.simulate({ ...ever, prices: book({ connect_fee: '7' }) })
    expect([dearer.calls, dearer.creditsThen, dearer.creditsNow]).toEqual([1, credits(80), credits(87)])
  })

  it('is ended again where its last part could not be written, and charged once', async () => {
    const { box, workflow, rows, money } = await open(credits(1_000))
    const time = await pass(workflow, 90)
    const away = vi.spyOn(box.ledger, 'settleHold').mockRejectedValue(new LedgerUnavailableError('away'))
    await expect(time.end(91)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    await expect(workflow.end()).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    away.mockRestore()
    await time.reached(500)
    expect((await workflow.close()).total_credits_used).toBe(31)
    expect(await time.end(900)).toEqual({ creditsUsed: credits(31), seconds: 91 })
    expect((await rows()).reduce((sum, record) => sum + record.quantity, 0n)).toBe(quantity(91))
    expect(await money()).toMatchObject({ balance: credits(1_000 - 31), held: 0n })
  })

  it('obeys what a key may use, and for how much', async () => {
    const { box, accountId } = await open(credits(1_000))
    const keyed = async (services: CreateApiKeyInput['services']) => {
      const { key } = await openKey(box, accountId, { services })
      return box.workflowOf(key, { name: 'call' })
    }
    const chats = await keyed([{ service: 'gpt' }])
    await expect(chats.meter(line)).rejects.toMatchObject({ code: 'SERVICE_NOT_ALLOWED' })
    const minute = await keyed([{ service: 'phone', costLimitPerRequest: credits(20) }])
    const reasons: string[] = []
    const time = await pass(minute, 600, { onSpent: ({ reason }) => reasons.push(reason) })
    expect([time.isSpent, time.seconds, reasons]).toEqual([true, 50, ['key_limit']])
    await time.end()
    await minute.close()
  })

  it('comes to no more than the budget of its key, and neither does what follows it', async () => {
    const { box, accountId } = await open(credits(1_000))
    const { key, apiKeyId } = await openKey(box, accountId)
    await box.ledger.setBudget({ accountId, apiKeyId, period: 'total', limit: credits(10) })
    const workflow = await box.workflowOf(key, { name: 'call' })
    // Ten credits are thirty seconds, ten of which are in reserve.
    const time = await pass(workflow, 60)
    expect([time.isSpent, time.seconds]).toEqual([true, 20])
    expect(await time.end(30)).toMatchObject({ creditsUsed: credits(10) })
    const refused = { code: 'BUDGET_EXCEEDED' }
    await expect(workflow.meter({ ...line, reserveSeconds: 0 })).rejects.toMatchObject(refused)
    const messages = [{ role: 'user' as const, content: 'Where does the heron hunt?' }]
    await expect(workflow.chat({ messages, provider: 'gpt-4o' })).rejects.toMatchObject(refused)
    await expect(workflow.record('phone', 'twilio', 1, 'minutes')).rejects.toMatchObject(refused)
    await workflow.close()
  })

  it('comes to no more than a request may cost, and says so in time', async () => {
    const configuration = presets.balanced({ maxCreditsPerRequest: credits(30) })
    const { workflow, money } = await open(credits(1_000), { configuration })
    const low: number[] = []
    const reasons: string[] = []
    const time = await pass(workflow, 600, {
      onLow: ({ secondsLeft }) => low.push(secondsLeft),
      onSpent: ({ reason }) => reasons.push(reason),
    })
    // Thirty credits are ninety seconds, ten of which are in reserve.
    expect([time.isSpent, time.seconds, reasons]).toEqual([true, 80, ['request_limit']])
    expect(low).toHaveLength(1)
    expect(low[0]).toBeGreaterThan(57)
    expect(low[0]).toBeLessThan(60)
    expect(await time.end(90)).toMatchObject({ creditsUsed: credits(30) })
    expect(await money()).toMatchObject({ balance: credits(970), held: 0n })
    await expect(workflow.meter({ ...line, reserveSeconds: 120 })).rejects.toMatchObject({
      code: 'REQUEST_LIMIT',
      limit: credits(30),
    })
  })

  it('under costOptimized comes to fifty credits: two and a half minutes of twilio, and a call must be planned for as little', async () => {
    const { workflow } = await open(credits(1_000), { configuration: presets.costOptimized() })
    const time = await pass(workflow, 600)
    expect([time.isSpent, time.seconds]).toEqual([true, 140])
    expect(await time.end(150)).toMatchObject({ creditsUsed: credits(50) })
    const call = (durationSecondsMax?: number) =>
      workflow.call({ to: '+15551234567', instructions: { type: 'say', text: 'hello' }, durationSecondsMax })
    await expect(call()).rejects.toMatchObject({ code: 'REQUEST_LIMIT', limit: credits(50) })
    expect(await call(150)).toMatchObject({ provider: 'twilio' })
    await workflow.close()
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %s seconds', async (bad) => {
    const { workflow } = await open(credits(100))
    await expect(workflow.meter({ ...line, reserveSeconds: bad })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(workflow.meter({ ...line, provider: 'nobody' })).rejects.toMatchObject({ code: 'PRICE_NOT_FOUND' })
    const time = await workflow.meter(line)
    await expect(time.reached(bad)).rejects.toMatchObject({ code: 'INVALID_QUANTITY' })
    expect(() => time.end(bad)).toThrow(expect.objectContaining({ code: 'INVALID_QUANTITY' }))
    await workflow.close()
  })
})
