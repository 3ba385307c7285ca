import { type ProviderRecord, parseUsd, type RecordsRange } from '@farebox/core'
import type { TwilioAdapter } from '@farebox/providers/twilio'
import { afterEach, describe, expect, it } from 'vitest'
import type { TwilioLoopbackOptions } from '../loopback/twilio.ts'
import { callContext, type OpenTwilio, openTwilio, phoneRequest, refusal } from './twilio-harness.ts'

const day = (text: string) => Date.parse(`${text}Z`)
const november = { from: day('2026-11-01T00:00'), until: day('2026-12-01T00:00') }

let opened: OpenTwilio
afterEach(() => opened.close())

async function open(options: TwilioLoopbackOptions = {}) {
  opened = await openTwilio(() => ({}), options)
  return opened
}

async function read(adapter: TwilioAdapter, range: RecordsRange): Promise<ProviderRecord[]> {
  const records: ProviderRecord[] = []
  for await (const record of adapter.records(range, callContext())) records.push(record)
  return records
}

describe('records of Twilio', () => {
  it('say of each call what it cost, once that is known, and until then that it is pending', async () => {
    const { adapter, loopback } = await open({ looksBeforePrice: 2, script: () => ({ seconds: 61 }) })
    const result = await adapter.call(phoneRequest(), callContext())
    expect(result).not.toHaveProperty('cost')
    const range = { from: Date.now() - 60_000, until: Date.now() + 60_000 }
    const record = { requestId: result.callId, to: '+15551234567', service: 'phone', usage: result.usage }
    const [pending] = await read(adapter, range)
    expect(pending).toMatchObject({ ...record, status: 'pending' })
    expect(pending).not.toHaveProperty('cost')
    const [final] = await read(adapter, range)
    expect(final).toMatchObject({ ...record, status: 'final' })
    expect(final?.cost).toBe(parseUsd(loopback.invoice[0]?.cost ?? ''))
    expect(loopback.invoice).toMatchObject([
      { requestId: result.callId, quantities: { seconds: 61, minutes: 2 }, cost: '0.02800' },
    ])
  })

  it('are pending while a call goes on or has no price, final when it was never connected', async () => {
    const { adapter, loopback } = await open({ looksBeforePrice: 1 })
    const at = day('2026-11-10T12:00')
    for (const [index, status] of (['in-progress', 'completed', 'busy', 'failed'] as const).entries()) {
      loopback.add({ status, seconds: status === 'completed' ? 49 : 0, startedAt: at + index, endedAt: at + 50_000 })
    }
    const records = await read(adapter, november)
    expect(records.map(({ status }) => status)).toEqual(['pending', 'pending', 'final', 'final'])
    expect(records[0]).not.toHaveProperty('usage')
    expect(records[1]).toMatchObject({ usage: { certainty: 'exact' } })
    for (const record of records) expect(record).not.toHaveProperty('cost')
    const again = await read(adapter, november)
    expect(again.map(({ status }) => status)).toEqual(['pending', 'final', 'final', 'final'])
    expect(again[1]?.cost).toBe(14_000_000n)
  })

  it('in another currency are final, and cost nobody knows how many dollars', async () => {
    const { adapter, loopback } = await open({ priceUnit: 'EUR' })
    loopback.add({ seconds: 49, startedAt: november.from })
    const [record] = await read(adapter, november)
    expect(record).toMatchObject({ status: 'final' })
    expect(record).not.toHaveProperty('cost')
  })

  it.each([true, false])('come from all pages, oldest first, each once (times in filters are days: %s)', async (filtersByDay) => {
    const { adapter, loopback } = await open({ pageSizeMax: 3, filtersByDay })
    const times = Array.from({ length: 40 }, (_, index) => november.from + index * 17 * 3_600_000)
    for (const startedAt of times.toReversed()) loopback.add({ seconds: 10, startedAt })
    const records = await read(adapter, november)
    expect(records.map(({ at }) => at)).toEqual(times)
    expect(new Set(records.map(({ requestId }) => requestId)).size).toBe(40)
  })

  it.each([true, false])('keep to the range, its end excluded (times in filters are days: %s)', async (filtersByDay) => {
    const { adapter, loopback } = await open({ filtersByDay })
    const range = { from: day('2026-11-10T10:00'), until: day('2026-11-11T00:00') }
    for (const startedAt of [range.from - 1_000, range.from, range.until - 1_000, range.until]) loopback.add({ startedAt })
    expect((await read(adapter, range)).map(({ at }) => at)).toEqual([range.from, range.until - 1_000])
    expect(await read(adapter, { from: range.until, until: range.from })).toEqual([])
  })

  it('can be those of one number', async () => {
    const { adapter, loopback } = await open()
    for (const to of ['+15550000001', '+15550000002']) loopback.add({ to, startedAt: november.from })
    expect(await read(adapter, { ...november, to: '+15550000002' })).toMatchObject([{ to: '+15550000002' }])
  })

  it('are of calls that we made: not of those that came in', async () => {
    const { adapter, loopback } = await open()
    for (const direction of ['inbound', 'trunking-originating', 'outbound-api', 'outbound-dial'] as const)
      loopback.add({ direction, startedAt: november.from })
    expect(await read(adapter, november)).toHaveLength(2)
  })

  it('of years take no more than a few dozen requests', async () => {
    const { adapter, loopback } = await open()
    const times = [day('1999-01-01T00:00'), day('2010-06-01T13:00'), day('2026-11-30T23:59')]
    for (const startedAt of times) loopback.add({ startedAt })
    expect((await read(adapter, { from: 0, until: november.until })).map(({ at }) => at)).toEqual(times)
    expect(loopback.requests.length).toBeLessThanOrEqual(32)
  })

  it('fail as any request does, and end with their signal', async () => {
    const { adapter, loopback } = await open()
    loopback.fail(refusal(429, 20429, { 'retry-after': '2' }))
    await expect(read(adapter, november)).rejects.toMatchObject({ kind: 'rate_limited', retryAfterMs: 2_000 })
    loopback.fail({ type: 'html' })
    await expect(read(adapter, november)).rejects.toMatchObject({ kind: 'unavailable', status: 502 })
    const controller = new AbortController()
    loopback.add({ startedAt: november.from })
    loopback.add({ startedAt: november.from + 1_000 })
    const records = adapter.records(november, callContext(controller.signal))[Symbol.asyncIterator]()
    expect((await records.next()).done).toBe(false)
    const silence = loopback.fail({ type: 'silence' })
    await records.next()
    const rest = expect(records.next()).rejects.toMatchObject({ kind: 'aborted' })
    await silence.struck
    controller.abort()
    await rest
  })
})

describe('estimatePrice of Twilio', () => {
  it('is what a minute costs this account, in nano-USD', async () => {
    const { adapter, loopback } = await open()
    expect(await adapter.estimatePrice({ to: '+15551234567' }, callContext())).toBe(14_000_000n)
    expect(Object.fromEntries(loopback.requests[0]?.query ?? [])).toEqual({ OriginationNumber: '+15557654321' })
  })

  it('is the dearest where there are several, as numbers or as text: the specification says one, and shows the other', async () => {
    const { adapter, loopback } = await open()
    const outbound_call_prices = [{ current_price: '0.013' }, { current_price: 0.0205 }, { current_price: null }]
    loopback.fail({ type: 'status', status: 200, body: { price_unit: 'USD', outbound_call_prices } })
    expect(await adapter.estimatePrice({ to: '+15551234567' }, callContext())).toBe(20_500_000n)
    loopback.fail({ type: 'status', status: 200, body: { price_unit: 'USD', outbound_call_prices: [] } })
    expect(await adapter.estimatePrice({ to: '+15551234567' }, callContext())).toBeUndefined()
  })

  it('is unknown in another currency', async () => {
    const { adapter } = await open({ priceUnit: 'EUR' })
    expect(await adapter.estimatePrice({ to: '+15551234567' }, callContext())).toBeUndefined()
  })
})
