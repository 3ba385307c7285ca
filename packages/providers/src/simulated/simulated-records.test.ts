import { type CallContext, formatUsd, type ProviderRecord, type RecordsRange } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { type SimulatedOptions, simulated } from './simulated.ts'
import { latencyOf } from './simulated-latency.ts'

const context = (attemptId: string): CallContext => ({ signal: new AbortController().signal, attemptId })
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'hello' }] }
const ring = { to: '+15551234567', instructions: { type: 'say' as const, text: 'Your taxi is here.' }, durationSecondsMax: 600 }
const always: RecordsRange = { from: 0, until: Number.MAX_SAFE_INTEGER }

function open(options: SimulatedOptions = {}) {
  const clock = { now: 1_000 }
  const adapter = simulated({ now: () => clock.now, ...options })
  const records = async (range: RecordsRange = always) => {
    const all: ProviderRecord[] = []
    for await (const record of adapter.records?.(range, context('records')) ?? []) all.push(record)
    return all
  }
  return { clock, adapter, records }
}

describe('the records of a simulated provider', () => {
  it('say of each request what its result said, and what it left out', async () => {
    const { adapter, records } = open({ failures: { 'gpt-4o': { kind: 'unreported_usage' } } })
    const told = await adapter.chat?.(hello, context('a1'))
    const silent = await adapter.chat?.({ ...hello, model: 'gpt-4o' }, context('a2'))
    expect(silent).not.toHaveProperty('usage')
    expect(await records()).toEqual([
      { requestId: told?.requestId, service: 'gpt', at: 1_000, status: 'final', usage: told?.usage },
      {
        requestId: silent?.requestId,
        service: 'gpt',
        at: 1_000,
        status: 'final',
        usage: expect.objectContaining({ certainty: 'exact' }),
      },
    ])
    expect(told?.requestId).not.toBe(silent?.requestId)
  })

  it('know what a stream had used that was broken off, and nothing of a request that was refused', async () => {
    const { adapter, records } = open({
      failures: { 'gpt-4o-mini': { kind: 'incomplete', afterParts: 3 }, 'gpt-4o': { kind: 'unavailable' } },
    })
    const drain = async () => {
      for await (const _ of adapter.streamChat?.(hello, context('a1')) ?? []) {
        // Only the end matters.
      }
    }
    await expect(drain()).rejects.toMatchObject({ kind: 'incomplete' })
    await expect(adapter.chat?.({ ...hello, model: 'gpt-4o' }, context('a2'))).rejects.toMatchObject({ kind: 'unavailable' })
    for await (const _ of adapter.streamChat?.(hello, context('a3')) ?? []) break
    const [broken, left] = await records()
    expect(broken).toMatchObject({ service: 'gpt', usage: { certainty: 'floor', raw: { output_tokens: 4 } } })
    expect(left).toMatchObject({ service: 'gpt', usage: { certainty: 'floor' } })
    expect(await records()).toHaveLength(2)
  })

  it('know what a call costs only when its price was settled', async () => {
    const { adapter, clock, records } = open({ priceDelayMs: 5_000, callSeconds: 61 })
    const call = await adapter.call?.(ring, context('a1'))
    expect(call).not.toHaveProperty('cost')
    const [pending] = await records()
    expect(pending).toMatchObject({ requestId: call?.callId, to: ring.to, status: 'pending', usage: call?.usage })
    expect(pending).not.toHaveProperty('cost')
    clock.now += 5_000
    const [final] = await records()
    expect(final?.status).toBe('final')
    expect(final?.cost && formatUsd(final.cost)).toBe('0.028')
  })

  it('are not needed for a price that is known at once', async () => {
    const { adapter } = open({ priceDelayMs: 0, callSeconds: 60 })
    const call = await adapter.call?.(ring, context('a1'))
    expect(call?.cost && formatUsd(call.cost)).toBe('0.014')
  })

  it('know of a call whose outcome nobody else knows, by its number', async () => {
    const { adapter, records } = open({ failures: { twilio: { kind: 'outcome_unknown' } } })
    await expect(adapter.call?.(ring, context('a1'))).rejects.toMatchObject({ kind: 'outcome_unknown' })
    expect(await records({ ...always, to: ring.to })).toMatchObject([{ service: 'phone', to: ring.to }])
    expect(await records({ ...always, to: '+15550000000' })).toEqual([])
  })

  it('are those that began in a range, oldest first, and only so many', async () => {
    const { adapter, clock, records } = open({ recordsMax: 3 })
    for (const at of [1_000, 2_000, 3_000, 4_000]) {
      clock.now = at
      await adapter.chat?.(hello, context(`a${at}`))
    }
    expect((await records()).map(({ at }) => at)).toEqual([2_000, 3_000, 4_000])
    expect((await records({ from: 2_000, until: 4_000 })).map(({ at }) => at)).toEqual([2_000, 3_000])
  })

  it('are not told, and no call is hung up, once the signal has fired', async () => {
    const { adapter } = open()
    await adapter.chat?.(hello, context('a1'))
    await adapter.endCall?.('CA1', context('a2'))
    const aborted = { signal: AbortSignal.abort(), attemptId: 'a3' }
    await expect(adapter.endCall?.('CA1', aborted)).rejects.toMatchObject({ kind: 'aborted' })
    await expect(adapter.records?.(always, aborted)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ kind: 'aborted' })
  })
})

describe('simulated latency', () => {
  it('is spread as it was told to, and the same for the same seed', async () => {
    const waits = (seed: number) =>
      Array.from({ length: 4_000 }, (_, call) => latencyOf({ median: 400, p95: 1_200 }, seed, `call ${call}`))
    const sorted = waits(1).sort((a, b) => a - b)
    expect(Math.abs((sorted[2_000] ?? 0) - 400)).toBeLessThan(25)
    expect(Math.abs((sorted[3_800] ?? 0) - 1_200)).toBeLessThan(120)
    expect(waits(1)).toEqual(waits(1))
    expect(waits(2)).not.toEqual(waits(1))
  })

  it('passes before the first part and between parts', async () => {
    const slept: number[] = []
    const adapter = simulated({
      latencyMs: { median: 300, p95: 900 },
      betweenPartsMs: 20,
      sleep: async (milliseconds) => {
        slept.push(milliseconds)
      },
    })
    let parts = 0
    for await (const event of adapter.streamChat?.(hello, context('a1')) ?? []) parts += event.type === 'finish' ? 0 : 1
    expect(slept[0]).toBeGreaterThan(50)
    expect(slept.slice(1)).toEqual(new Array(parts - 1).fill(20))
  })

  it('is refused when it is none', () => {
    for (const latencyMs of [-1, Number.NaN, { median: 10, p95: 5 }, { median: -1, p95: 5 }]) {
      expect(() => simulated({ latencyMs })).toThrow('latencyMs must be')
    }
  })
})
