import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  microUnits,
  nanoUsd,
  type PhoneRequest,
  type PhoneResult,
  type ProviderAdapter,
  ProviderError,
  type ProviderRecord,
  quantity,
  type RealtimeInput,
  type Usage,
} from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { PriceBook } from '@farebox/pricing'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, credits, type Farebox, presets } from 'farebox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'

const MINUTE = 60_000
const to = '+15551234567'
const call = { to, instructions: { type: 'say', text: 'Your taxi is here.' } as const, durationSecondsMax: 300 }

/** A telephone network with books of its own: what it did to a call is one thing, and what it answered is another. */
class Network {
  readonly books: ProviderRecord[] = []
  time = Date.now()
  /** What goes on while its books are read. */
  meanwhile = async (): Promise<unknown> => undefined

  /** Lets a call of so many seconds take place, whose price is told later. */
  connect(request: PhoneRequest, seconds: number): PhoneResult & { usage: Usage } {
    const callId = `CA${this.books.length + 1}`
    const usage = seconds > 0 ? durationOf(seconds) : undefined
    this.books.push({ requestId: callId, service: 'phone', at: this.time, status: 'pending', to: request.to, usage })
    return { callId, status: 'completed', durationSeconds: seconds, usage: usage ?? durationOf(0) }
  }

  /** Tells the price of a call, and how long it was. */
  bill(index: number, cost: bigint, seconds?: number): void {
    const record = this.books[index]
    if (!record) throw new Error(`there is no call ${index}`)
    Object.assign(record, { status: 'final', cost: nanoUsd(cost), ...(seconds !== undefined && { usage: durationOf(seconds) }) })
  }
}

function durationOf(seconds: number): Usage {
  return { quantities: [{ meter: 'duration', quantity: quantity(seconds), unit: 'seconds' }], certainty: 'exact' }
}

/** @param isOneClock  whether the store takes its time from the network too. Otherwise it has the test's own */
async function open(
  on: (typeof storeNames)[number],
  answer: (network: Network, request: PhoneRequest) => PhoneResult,
  isOneClock = false,
) {
  const network = new Network()
  const adapter = {
    ...simulated({ services: ['phone'], name: 'telephone' }),
    call: async (request: PhoneRequest) => answer(network, request),
    async *records({ from, until }: { from: number; until: number }) {
      await network.meanwhile()
      yield* network.books.filter(({ at }) => at >= from && at < until)
    },
  }
  const clock = () => network.time
  const box = await openBox({ on, providers: [adapter], clock, ...(isOneClock && { storeClock: clock }) })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'taxi' })
  const later = (milliseconds: number) => {
    network.time += milliseconds
  }
  return { network, box, accountId, workflow, later, balance: () => balanceOf(box, accountId) }
}

async function balanceOf(box: Farebox, accountId: string): Promise<bigint> {
  return (await box.ledger.balance(accountId)).balance
}

function unknown(): never {
  throw new ProviderError('the line is odd', { provider: 'twilio', kind: 'outcome_unknown' })
}

describe.each(storeNames)('reconciliation on %s', (on) => {
  it('sets our cost right when a price comes late, once, and leaves the charge alone', async () => {
    const { network, box, accountId, workflow, later, balance } = await open(on, (net, request) => net.connect(request, 60))
    await workflow.call(call)
    const before = await balance()
    expect((await box.reconcile()).differences).toEqual([])

    later(MINUTE)
    network.bill(0, 28_000_000n)
    const [estimate] = await box.ledger.usageOf(accountId, workflow.id)
    expect((await box.reconcile({ isDryRun: true })).differences).toMatchObject([{ type: 'late_price', isApplied: false }])
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'late_price', requestId: 'CA1', estimated: estimate?.cost, billed: 28_000_000n, isApplied: true },
    ])
    expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
    expect(await balance()).toBe(before)
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)).toBe(28_000_000n)
    expect((await workflow.close()).attempts).toMatchObject([{ cost_usd: '0.028', credits_used: 20 }])
  })

  it('tells of a price that has not come for a day', async () => {
    const { box, workflow, later } = await open(on, (net, request) => net.connect(request, 60))
    await workflow.call(call)
    later(25 * 60 * MINUTE)
    const { differences } = await box.reconcile()
    expect(differences).toMatchObject([{ type: 'price_overdue', requestId: 'CA1' }])
    await workflow.close()
  })

  it('charges a call that took place though its outcome was unknown, once, also when its workflow is closed', async () => {
    const { network, box, accountId, workflow, later, balance } = await open(on, (net, request) => {
      net.connect(request, 0)
      return unknown()
    })
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    // What it may still cost stays set aside.
    expect((await box.ledger.balance(accountId)).held).toBe(credits(100))
    expect((await box.reconcile()).differences).toEqual([])
    await workflow.close()

    later(MINUTE)
    network.bill(0, 42_000_000n, 90)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'call_found', requestId: 'CA1', to, charged: credits(30), isApplied: true },
    ])
    expect((await box.reconcile()).differences).toEqual([])
    expect(await balance()).toBe(credits(10_000 - 30))
    expect(await box.ledger.usageOf(accountId, workflow.id)).toMatchObject([{ cost: 42_000_000n, certainty: 'exact' }])
  })

  it('leaves a call alone that is settled while it compares', async () => {
    const { network, box, accountId, workflow, later, balance } = await open(on, (net, request) => {
      net.connect(request, 0)
      return unknown()
    })
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    const { items } = await box.ledger.statement(accountId)
    const [holdId = ''] = items.flatMap(({ outcome }) => (outcome as { holdId?: string }).holdId ?? [])
    later(MINUTE)
    network.bill(0, 42_000_000n, 90)
    let settled: Promise<unknown> | undefined
    const usage = { quantity: quantity(90), unit: 'seconds', rated: credits(30), roundingStep: credits(1) } as const
    const settle = () => {
      settled ??= box.ledger.settleHold({ accountId, holdId, usage })
    }
    expect((await box.reconcile({ onRecord: settle })).differences).toEqual([])
    await settled
    expect(await balance()).toBe(credits(10_000 - 30))
  })

  it('charges nothing for a call that never took place, and gives its hold back', async () => {
    const { box, accountId, workflow, later, balance } = await open(on, unknown)
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(MINUTE)
    expect((await box.reconcile()).differences).toEqual([])
    later(5 * MINUTE)
    expect((await box.reconcile()).differences).toMatchObject([{ type: 'call_not_placed', to, isApplied: true }])
    expect((await box.reconcile()).differences).toEqual([])
    expect([await balance(), (await box.ledger.balance(accountId)).held]).toEqual([credits(10_000), 0n])
  })

  it('finds each of two calls to one number, and gives neither the record of the other', async () => {
    const { network, box, workflow, later, balance } = await open(on, (net, request) => {
      net.connect(request, 0)
      return unknown()
    })
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(2_000)
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(MINUTE)
    network.bill(0, 14_000_000n, 60)
    network.bill(1, 28_000_000n, 120)
    const { differences } = await box.reconcile()
    expect(differences).toMatchObject([
      { type: 'call_found', requestId: 'CA1' },
      { type: 'call_found', requestId: 'CA2' },
    ])
    expect(await balance()).toBe(credits(10_000 - 20 - 40))
    await workflow.close()
  })

  it('gives the record of two calls to one number to the one that it is nearer to, and says that it does not know of the other', async () => {
    const { network, box, workflow, later } = await open(on, unknown)
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(2 * MINUTE)
    const before = await box.ledger.balance(workflow.accountId)
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    const opened = network.time
    network.books.push({ requestId: 'CA1', service: 'phone', at: opened + 3_000, status: 'final', to, usage: durationOf(60) })
    later(6 * MINUTE)
    const { differences } = await box.reconcile()
    expect(differences).toMatchObject([
      { type: 'call_unknown', ageMs: 8 * MINUTE },
      { type: 'call_found', requestId: 'CA1' },
    ])
    // The hold of the first is still there, and that of the second is not.
    expect((await box.ledger.balance(workflow.accountId)).held).toBe(before.held)
    network.books.push({
      requestId: 'CA2',
      service: 'phone',
      at: opened - 2 * MINUTE,
      status: 'final',
      to,
      usage: durationOf(60),
    })
    expect((await box.reconcile()).differences).toMatchObject([{ type: 'call_found', requestId: 'CA2' }])
    await workflow.close()
  })

  it('gives a call whose id is known to whom it belongs, not to another account that wanted to call the same number', async () => {
    let isDialled = false
    const { box, network, workflow, accountId, later, balance } = await open(on, (net, request) => {
      if (!isDialled) return unknown()
      const { callId: requestId } = net.connect(request, 0)
      throw new ProviderError('it was lost sight of', { provider: 'twilio', kind: 'outcome_unknown', requestId })
    })
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(2_000)
    isDialled = true
    const other = await openAccount(box)
    const theirs = box.workflow({ accountId: other.accountId, name: 'taxi' })
    await expect(theirs.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(6 * MINUTE)
    network.bill(0, 14_000_000n, 60)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'call_not_placed', accountId },
      { type: 'call_found', accountId: other.accountId, requestId: 'CA1', charged: credits(20) },
    ])
    expect([await balance(), await balanceOf(box, other.accountId)]).toEqual([credits(10_000), credits(10_000 - 20)])
  })

  it('gives a call whose id is known no record of another call to its number', async () => {
    const { network, box, workflow, later, balance } = await open(on, (net, request) => {
      // Somebody else calls the same number, with the same provider.
      net.connect(request, 60)
      throw new ProviderError('it was lost sight of', { provider: 'twilio', kind: 'outcome_unknown', requestId: 'CA9' })
    })
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(20 * MINUTE)
    network.bill(0, 14_000_000n, 60)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'not_recorded', requestId: 'CA1' },
      { type: 'call_not_placed' },
    ])
    expect(await balance()).toBe(credits(10_000))
    await workflow.close()
  })

  it('finds a call that began after the range in which it was dialled, and gives it no record of a call after that', async () => {
    let isDialled = true
    const { network, box, workflow, later, balance } = await open(on, (net) => {
      if (isDialled)
        net.books.push({ requestId: 'CA1', service: 'phone', at: net.time + 2_000, status: 'final', to, usage: durationOf(60) })
      return unknown()
    })
    const begun = network.time
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(20 * MINUTE)
    const early = { from: begun, until: begun + 1_000 }
    expect((await box.reconcile(early)).differences).toMatchObject([{ type: 'call_found', requestId: 'CA1' }])
    expect(await balance()).toBe(credits(10_000 - 20))

    isDialled = false
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    const between = network.time + 30_000
    later(MINUTE)
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    network.books.push({ requestId: 'CA2', service: 'phone', at: network.time, status: 'final', to, usage: durationOf(120) })
    later(20 * MINUTE)
    // It is the second one's, which was dialled after this range.
    expect((await box.reconcile({ from: begun, until: between })).differences).toMatchObject([{ type: 'call_unknown' }])
    expect(await balance()).toBe(credits(10_000 - 20))
    const { differences } = await box.reconcile()
    expect(differences).toMatchObject([{ type: 'call_unknown' }, { type: 'call_found', requestId: 'CA2' }])
    expect(await balance()).toBe(credits(10_000 - 20 - 40))
    await workflow.close()
  })

  it('knows a call that was recorded after its range had ended', async () => {
    const { network, box, workflow, later, balance } = await open(on, (net, request) => net.connect(request, 60))
    const begun = network.time
    await workflow.call(call)
    const before = await balance()
    later(20 * MINUTE)
    network.bill(0, 28_000_000n)
    const range = { from: begun, until: begun + 1 }
    expect((await box.reconcile(range)).differences).toMatchObject([{ type: 'late_price', requestId: 'CA1', isApplied: true }])
    expect(await box.reconcile(range)).toMatchObject({ agreed: 1, differences: [] })
    expect(await balance()).toBe(before)
    await workflow.close()
  })

  it('leaves what came after its range alone, also while it looks there for a call that was dialled within', async () => {
    let isOdd = true
    const { network, box, workflow, later } = await open(on, (net, request) => (isOdd ? unknown() : net.connect(request, 60)))
    const begun = network.time
    await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    later(MINUTE)
    isOdd = false
    await workflow.call(call)
    network.bill(0, 28_000_000n)
    later(20 * MINUTE)
    const range = { from: begun, until: begun + 30_000 }
    expect(await box.reconcile(range)).toMatchObject({ agreed: 0, differences: [{ type: 'call_not_placed' }] })
    expect((await box.reconcile()).differences).toMatchObject([{ type: 'late_price', requestId: 'CA1' }])
    await workflow.close()
  })

  it('has each request in one of two adjacent ranges, and corrects what came too late for the first', async () => {
    const { network, box, workflow, later } = await open(on, (net, request) => net.connect(request, 60), true)
    const begun = network.time
    for (let minutes = 0; minutes < 9 * 60; minutes += 60) {
      await workflow.call(call)
      later(60 * MINUTE)
    }
    const [first, second, both] = [
      { from: begun, until: begun + 5 * 60 * MINUTE },
      { from: begun + 5 * 60 * MINUTE, until: network.time },
      { from: begun, until: network.time },
    ]
    for (const index of [0, 2, 8]) network.bill(index, 28_000_000n)
    const numberOf = async (range: typeof both, isDryRun = true) => {
      const { agreed, differences } = await box.reconcile({ ...range, isDryRun })
      return [agreed, ...differences.map((one) => ('requestId' in one ? one.requestId : one.type))]
    }
    expect(await numberOf(both)).toEqual([6, 'CA1', 'CA3', 'CA9'])
    expect(await numberOf(first)).toEqual([3, 'CA1', 'CA3'])
    expect(await numberOf(second)).toEqual([3, 'CA9'])
    expect(await numberOf(first, false)).toEqual([3, 'CA1', 'CA3'])
    // The price of one in the first range comes when only the second one is compared.
    network.bill(4, 28_000_000n)
    expect(await numberOf(second, false)).toEqual([3, 'CA5', 'CA9'])
    expect(await numberOf(second)).toEqual([4])
    expect(await numberOf(first)).toEqual([5])
    expect(await numberOf(both)).toEqual([9])
    await workflow.close()
  })

  it('tells of what only one side knows, and changes nothing for it', async () => {
    const { network, box, workflow, later, balance } = await open(on, (net, request) => net.connect(request, 60))
    await workflow.call(call)
    const before = await balance()
    network.books[0] = { requestId: 'CA9', service: 'phone', at: network.time, status: 'final', to: '+15550000000' }
    later(20 * MINUTE)
    const { differences } = await box.reconcile()
    expect(differences.map(({ type }) => type).sort()).toEqual(['not_at_provider', 'not_recorded'])
    expect(await balance()).toBe(before)
    await workflow.close()
  })

  it('counts and tells of a request once, though its provider lists it on two pages', async () => {
    const { network, box, workflow, later } = await open(on, (net, request) => net.connect(request, 60))
    await workflow.call(call)
    await workflow.call(call)
    network.bill(0, 28_000_000n)
    network.books.push({ requestId: 'CA9', service: 'phone', at: network.time, status: 'final', to: '+15550000000' })
    network.books.push(...network.books)
    later(20 * MINUTE)
    const { adapters, agreed, differences } = await box.reconcile()
    expect([adapters, agreed]).toEqual([[{ name: 'telephone', records: 3 }], 1])
    expect(differences.map(({ type }) => type)).toEqual(['late_price', 'not_recorded'])
    await workflow.close()
  })

  it('charges by what the provider counted where we had only estimated', async () => {
    const { network, box, accountId, workflow, later } = await open(on, (net, request) => {
      const { usage: _, ...result } = net.connect(request, 50)
      return { ...result, durationSeconds: 50 }
    })
    await workflow.call(call)
    later(MINUTE)
    network.bill(0, 15_000_000n, 30)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'usage_differs', ours: '50 seconds of duration', theirs: '30 seconds of duration', isApplied: true },
      { type: 'late_price' },
    ])
    expect((await box.reconcile()).differences).toEqual([])
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(10))
    await workflow.close()
  })

  it('charges nothing for a length that no call has, but tells of it', async () => {
    const { network, box, accountId, workflow, later, balance } = await open(on, (net, request) => {
      if (net.books.length > 0) {
        net.connect(request, 4e7)
        return unknown()
      }
      return { ...net.connect(request, 4e7), durationSeconds: 60 }
    })
    await workflow.call(call)
    await expect(workflow.call({ ...call, to: '+15550000000' })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    const before = await balance()
    later(10 * MINUTE)
    network.bill(0, 28_000_000n)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'usage_differs', ours: '60 seconds of duration', theirs: '40000000 seconds of duration', isApplied: false },
      { type: 'late_price', billed: 28_000_000n },
      { type: 'call_unknown', to: '+15550000000' },
    ])
    expect(await balance()).toBe(before)
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(20))
    await workflow.close()
  })

  it('takes what was charged in parts together, where the provider counts the whole', async () => {
    const { box, accountId, workflow, listened, later } = await openListening(on)
    // Credits for 150 seconds are 20, for 40 they are 6.
    expect(await listened(150, 150)).toEqual(credits(20))
    expect(await listened(150, 40)).toEqual(credits(20))
    expect(await listened(150, 152)).toEqual(credits(20))
    later(20 * MINUTE)
    expect((await box.reconcile({ isDryRun: true })).differences).toHaveLength(5)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'late_price', requestId: 'R1', billed: 150_000_000n, isApplied: true },
      { type: 'usage_differs', requestId: 'R2', ours: '150 seconds of duration', theirs: '40 seconds of duration' },
      { type: 'late_price', requestId: 'R2', billed: 40_000_000n, isApplied: true },
      { type: 'usage_differs', requestId: 'R3', ours: '150 seconds of duration', theirs: '152 seconds of duration' },
      { type: 'late_price', requestId: 'R3', billed: 152_000_000n, isApplied: true },
    ])
    expect(await box.reconcile()).toMatchObject({ agreed: 3, differences: [] })
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)).toBe(342_000_000n)
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(20 + 6 + 21))
    await workflow.close()
  })

  it('charges live sound at its own price where the provider counts it otherwise', async () => {
    const entryOf = (model: string, amount: string) => {
      return { service: 'voice_stt', provider: 'deepgram', model, rates: [{ unit: 'minutes' as const, amount }] }
    }
    const entries = [entryOf('recorded', '60'), entryOf('live', '6')]
    const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
    const prices = new PriceBook({ name: 'models', currency: 'credits', versions: [version] })
    const { box, accountId, workflow, listened, later } = await openListening(on, {
      prices,
      model: 'recorded',
      liveModel: 'live',
    })
    expect(await listened(60, 40)).toEqual(credits(6))
    later(20 * MINUTE)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'usage_differs', isApplied: true },
      { type: 'late_price' },
    ])
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(4))
    await workflow.close()
  })

  it('charges what the provider counted more of a call that an earlier one of its line had paid for', async () => {
    const { box, accountId, workflow, listened, later } = await openListening(on)
    // Credits for 4 seconds are 0.53, which is 1. It pays for the next 3 seconds too.
    expect(await listened(4, 4)).toEqual(credits(1))
    expect(await listened(3, 63)).toEqual(credits(0))
    later(20 * MINUTE)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'late_price', requestId: 'R1' },
      { type: 'usage_differs', requestId: 'R2', isApplied: true },
      { type: 'late_price', requestId: 'R2' },
    ])
    expect(await box.reconcile()).toMatchObject({ agreed: 2, differences: [] })
    // As much as 67 seconds at once would be.
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(9))
    await workflow.close()
  })

  it('takes back what the provider did not count once, though it is stopped between the parts of live sound', async () => {
    const { box, accountId, workflow, listened, later } = await openListening(on)
    const before = await listened(200, 20)
    expect(before).toEqual(credits(27))
    later(20 * MINUTE)
    const adjust = box.ledger.adjust.bind(box.ledger)
    let left = 1
    box.ledger.adjust = (input) => (left-- > 0 ? adjust(input) : Promise.reject(new Error('it was stopped')))
    expect((await box.reconcile()).differences).toMatchObject([{ isApplied: false }, { isApplied: false }, { type: 'failed' }])
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).not.toBe(before)
    box.ledger.adjust = adjust
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'usage_differs', isApplied: true },
      { type: 'late_price', isApplied: true },
    ])
    expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(3))
    await workflow.close()
  })

  it('charges nothing for a second more that what its line was rounded up to has paid for', async () => {
    const { box, accountId, workflow, listened, later } = await openListening(on)
    expect(await listened(4, 4)).toEqual(credits(1))
    // Credits for 10 seconds alone would be 2. After 4 seconds they are 1, which pays for the eleventh second too.
    expect(await listened(10, 11)).toEqual(credits(1))
    later(20 * MINUTE)
    expect((await box.reconcile()).differences).toMatchObject([
      { type: 'late_price', requestId: 'R1' },
      { type: 'usage_differs', requestId: 'R2', isApplied: true },
      { type: 'late_price', requestId: 'R2' },
    ])
    expect(await box.reconcile()).toMatchObject({ agreed: 2, differences: [] })
    // As much as 15 seconds at once would be.
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(2))
    await workflow.close()
  })
})

/** A provider that hears live sound, breaks off at its end, and counts as it likes. */
async function openListening(
  on: (typeof storeNames)[number],
  { prices, ...models }: { prices?: PriceBook; model?: string; liveModel?: string } = {},
) {
  const books: ProviderRecord[] = []
  let time = Date.now()
  let counted = 0
  const ears = simulated({ services: ['voice_stt'], name: 'ears' })
  const adapter: ProviderAdapter = {
    ...ears,
    offers: ears.offers.map((offer) => ({ ...offer, ...models })),
    async *streamTranscription({ audio }) {
      yield { type: 'open' }
      for await (const _ of audio) yield { type: 'transcript', text: 'yes', isFinal: true }
      const requestId = `R${books.length + 1}`
      const cost = nanoUsd(BigInt(counted) * 1_000_000n)
      books.push({ requestId, service: 'voice_stt', at: time, status: 'final', usage: durationOf(counted), cost })
      throw new ProviderError('it broke off', { provider: 'deepgram', kind: 'incomplete', requestId })
    },
    async *records({ from, until }) {
      yield* books.filter(({ at }) => at >= from && at < until)
    },
  }
  const box = await openBox({ on, providers: [adapter], clock: () => time, ...(prices && { prices }) })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'hotline' })
  async function* sound(seconds: number) {
    for (let second = 0; second < seconds; second += 1) yield new Uint8Array(8_000)
  }
  async function listened(seconds: number, asTheyCount: number): Promise<bigint> {
    counted = asTheyCount
    const { events, settled } = await workflow.listen({ audio: sound(seconds), format: { encoding: 'mulaw', sampleRate: 8_000 } })
    await expect(Array.fromAsync(events)).rejects.toMatchObject({ code: 'STREAM_CUT' })
    return (await settled).creditsUsed
  }
  const later = (milliseconds: number) => {
    time += milliseconds
  }
  return { box, accountId, workflow, listened, later }
}

describe.each(storeNames)('live sound whose process died on %s', (on) => {
  it.each([
    { counted: 160, charged: 22, types: ['usage_differs', 'late_price'] },
    { counted: 60, charged: 8, types: ['usage_differs', 'late_price'] },
  ])('is charged for the $counted seconds that its provider counted, once', async ({ counted, charged, types }) => {
    const { box, accountId, workflow, listening, wake, later } = await openDying(on, counted)
    const before = await listening()
    // It may still go on.
    expect((await box.reconcile()).differences).toEqual([])
    later(20 * MINUTE)
    expect((await box.reconcile({ isDryRun: true })).differences.map(({ type }) => type)).toEqual(types)
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(before)
    expect((await box.reconcile()).differences).toMatchObject(types.map((type) => ({ type, requestId: 'R1', isApplied: true })))
    expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
    // The process was only asleep.
    await expect(wake()).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(charged))
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)).toBe(BigInt(counted) * 1_000_000n)
    await workflow.close()
  })

  it('is given back whole, with what its provider counted more', async () => {
    const { box, accountId, workflow, listening, wake, later } = await openDying(on, 160)
    await listening()
    later(20 * MINUTE)
    await box.reconcile()
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(22))
    await workflow.refund('nobody spoke')
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(0n)
    await expect(wake()).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    await workflow.close()
  })

  it('goes on being charged where its provider told a price and no count, and costs that price once', async () => {
    const { box, accountId, workflow, listening, wake, later } = await openDying(on, 90, { tellsUsage: false })
    const billed = async () => {
      const records = await box.ledger.usageOf(accountId, workflow.id)
      return records.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n)
    }
    const before = await listening()
    later(20 * MINUTE)
    expect((await box.reconcile()).differences).toMatchObject([{ type: 'late_price', isApplied: true }])
    expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
    expect([await billed(), (await box.ledger.workflow(accountId, workflow.id)).spent]).toEqual([90_000_000n, before])
    // The process was only asleep, and charges the rest of its 150 seconds.
    await wake()
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(20))
    await box.reconcile()
    expect(await billed()).toBe(90_000_000n)
    await workflow.close()
  })

  it('is not missed where it was charged, and its provider lists nothing of it yet', async () => {
    const { box, workflow, listening, wake, later } = await openDying(on, undefined)
    await listening()
    later(20 * MINUTE)
    expect((await box.reconcile()).differences).toEqual([])
    await wake()
    await workflow.close()
  })
})

/** A provider that hears 150 seconds of live sound, then nothing until its caller wakes up. */
async function openDying(on: (typeof storeNames)[number], counted: number | undefined, { tellsUsage = true } = {}) {
  let time = Date.now()
  const began = time
  const { promise: isAwake, resolve: goOn } = Promise.withResolvers<void>()
  const ears = simulated({ services: ['voice_stt'], name: 'ears' })
  const adapter: ProviderAdapter = {
    ...ears,
    async *streamTranscription({ audio }) {
      yield { type: 'open' }
      for await (const _ of audio) yield { type: 'transcript', text: 'yes', isFinal: true, requestId: 'R1' }
      yield { type: 'finish', model: 'ears', usage: durationOf(150), requestId: 'R1' }
    },
    async *records({ from, until }) {
      if (counted === undefined || began < from || began >= until) return
      const cost = nanoUsd(BigInt(counted) * 1_000_000n)
      yield {
        requestId: 'R1',
        service: 'voice_stt',
        at: began,
        status: 'final',
        usage: tellsUsage ? durationOf(counted) : undefined,
        cost,
      }
    },
  }
  const box = await openBox({ on, providers: [adapter], clock: () => time })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'hotline' })
  const heard = Promise.withResolvers<void>()
  async function* sound() {
    for (let second = 0; second < 150; second += 1) yield new Uint8Array(8_000)
    heard.resolve()
    await isAwake
  }
  let settled: Promise<unknown> | undefined
  return {
    box,
    accountId,
    workflow,
    later: (milliseconds: number) => {
      time += milliseconds
    },
    /** @returns what was charged before it fell silent */
    async listening() {
      const live = await workflow.listen({ audio: sound(), format: { encoding: 'mulaw', sampleRate: 8_000 } })
      settled = live.settled
      await heard.promise
      return (await box.ledger.workflow(accountId, workflow.id)).spent
    },
    wake: () => {
      goOn()
      return settled
    },
  }
}

it.each(['its own process', 'another process'])(
  'charges live sound by what its provider counted, also if parts of it were still in the spool: %s compares',
  async (who) => {
    const folder = databaseFolder('reconciled')
    let time = Date.now()
    const began = time
    const clock = () => time
    const openStore = () => sqlite({ filename: join(folder, 'credits.db'), clock })
    const store = openStore()
    const commit = store.commit.bind(store)
    let isAway = false
    store.commit = (operations, transaction) =>
      isAway && operations.some(({ verb }) => verb === 'settleHold')
        ? Promise.reject(new LedgerUnavailableError('the database is away'))
        : commit(operations, transaction)
    const ears: ProviderAdapter = {
      ...simulated({ services: ['voice_stt'], name: 'ears' }),
      async *streamTranscription({ audio }) {
        yield { type: 'open' }
        for await (const _ of audio) yield { type: 'transcript', text: 'yes', isFinal: true, requestId: 'R1' }
      },
    }
    const told = (meanwhile: () => Promise<unknown>): ProviderAdapter => ({
      ...ears,
      async *records() {
        await meanwhile()
        const cost = nanoUsd(300_000_000n)
        yield { requestId: 'R1', service: 'voice_stt', at: began, status: 'final', usage: durationOf(300), cost }
      },
    })
    const spool = { directory: join(folder, 'spool'), retryMs: 3_600_000 }
    const box = createFarebox({ store, providers: [told(async () => {})], clock, spool, onError: () => {} })
    // The other one sends its spool while this one reads the provider's records.
    const beside = createFarebox({ store: openStore(), providers: [told(() => box.ledger.sendSpooled())], clock })
    onTestFinished(async () => {
      for (const one of [box, beside]) await one.close()
      rmSync(folder, { recursive: true, force: true })
    })
    await box.migrate()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'hotline' })
    const [heard, awake] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    async function* sound() {
      for (let second = 0; second < 300; second += 1) {
        if (second === 150) isAway = true
        yield new Uint8Array(8_000)
      }
      heard.resolve()
      await awake.promise
    }
    const { settled } = await workflow.listen({ audio: sound(), format: { encoding: 'mulaw', sampleRate: 8_000 } })
    await heard.promise
    await expect.poll(() => box.ledger.spooled()).toBeGreaterThan(0)
    time += 20 * MINUTE
    isAway = false
    const comparing = who === 'its own process' ? box : beside
    for (let round = 0; round < 2; round += 1) await comparing.reconcile()
    expect(await comparing.reconcile()).toMatchObject({ agreed: 1, differences: [] })
    expect((await box.ledger.workflow(accountId, workflow.id)).spent).toBe(credits(40))
    awake.resolve()
    await expect(settled).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    expect((await workflow.close()).total_credits_used).toBe(40)
    expect((await box.ledger.verify(accountId)).mismatches).toEqual([])
  },
)

it('compares a conversation as a whole, and looks for none of its turns', async () => {
  let time = Date.now()
  let more = 0n
  const model = simulated({ services: ['realtime'], now: () => time })
  const adapter: ProviderAdapter = {
    ...model,
    async *records(range, context) {
      for await (const record of model.records?.(range, context) ?? []) {
        const { quantities = [], certainty = 'exact' } = record.usage ?? {}
        const counted = quantities.map((one) => ({ ...one, quantity: microUnits(one.quantity + more) }))
        yield { ...record, usage: { quantities: counted, certainty } }
      }
    },
  }
  const entry = { service: 'realtime', provider: 'gpt-realtime', rates: [{ unit: 'tokens' as const, amount: '10', per: '1000' }] }
  const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries: [entry] }]
  const prices = new PriceBook({ name: 'talk', currency: 'credits', versions })
  const box = await openBox({ providers: [adapter], prices, clock: () => time })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'talk' })
  async function* input(): AsyncGenerator<RealtimeInput> {
    for (const text of ['Good day.', 'And good night.']) yield* [{ type: 'text' as const, text }, { type: 'respond' as const }]
  }
  const format = { encoding: 'mulaw', sampleRate: 8_000 } as const
  const stream = await workflow.converse({ input: input(), inputFormat: format, outputFormat: format, outputTokensMax: 400 })
  await stream.settled
  await workflow.close()
  time += 30 * MINUTE
  expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
  more = 1_000_000n
  expect((await box.reconcile()).differences).toMatchObject([{ type: 'usage_differs', accountId, isApplied: false }])
})

it('knows from then on that a call was free whose cost nobody had known', async () => {
  const network = new Network()
  const adapter = {
    ...simulated({ services: ['phone'], name: 'telephone' }),
    call: async (request: PhoneRequest) => network.connect(request, 0),
    async *records() {
      yield* network.books
    },
  }
  const entries = [{ service: 'gpt', provider: 'gpt-4o', rates: [{ unit: 'tokens' as const, amount: '0.001' }] }]
  const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
  const costs = new PriceBook({ name: 'no telephone', currency: 'usd', versions: [version] })
  const box = await openBox({ providers: [adapter], costs, clock: () => network.time })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'taxi' })
  await workflow.call(call)
  network.time += MINUTE
  network.bill(0, 0n)
  expect((await box.reconcile()).differences).toMatchObject([
    { type: 'late_price', estimated: null, billed: 0n, isApplied: true },
  ])
  expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
  await workflow.close()
})

it('follows a price that changes back to what it was before', async () => {
  const { network, box, accountId, workflow, later } = await open('SQLite', (net, request) => net.connect(request, 60))
  await workflow.call(call)
  for (const cost of [28_000_000n, 30_000_000n, 28_000_000n, 30_000_000n]) {
    later(MINUTE)
    network.bill(0, cost)
    expect((await box.reconcile()).differences).toMatchObject([{ type: 'late_price', billed: cost, isApplied: true }])
    expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.reduce((sum, record) => sum + (record.cost ?? 0n), 0n)).toBe(cost)
  }
  await workflow.close()
})

it('charges nothing again that was given back, and says that it was counted otherwise', async () => {
  const { network, box, accountId, workflow, later, balance } = await open('SQLite', (net, request) => {
    const { usage: _, ...result } = net.connect(request, 50)
    return { ...result, durationSeconds: 50 }
  })
  await workflow.call(call)
  const [record] = await box.ledger.usageOf(accountId, workflow.id)
  await box.ledger.refund({ accountId, usageId: record?.usageId ?? '', reason: 'they were cut off' })
  later(MINUTE)
  network.bill(0, 15_000_000n, 30)
  expect((await box.reconcile()).differences).toMatchObject([
    { type: 'usage_differs', isApplied: false },
    { type: 'late_price', isApplied: true },
  ])
  expect(await balance()).toBe(credits(10_000))
  await workflow.close()
})

it('charges nothing again that is given back while it compares', async () => {
  const { network, box, workflow, later, balance } = await open('SQLite', (net, request) => {
    const { usage: _, ...result } = net.connect(request, 50)
    return { ...result, durationSeconds: 50 }
  })
  await workflow.call(call)
  later(MINUTE)
  network.bill(0, 15_000_000n, 30)
  network.meanwhile = () => workflow.refund('they were cut off')
  expect((await box.reconcile()).differences).toMatchObject([
    { type: 'usage_differs', isApplied: false },
    { type: 'late_price', isApplied: false },
  ])
  expect(await balance()).toBe(credits(10_000))
  expect((await box.reconcile()).differences).toMatchObject([
    { type: 'usage_differs', isApplied: false },
    { type: 'late_price', isApplied: true },
  ])
  expect(await balance()).toBe(credits(10_000))
  await workflow.close()
})

it('estimates the cost by the count of a provider that tells no price', async () => {
  const { network, box, accountId, workflow, later } = await open('SQLite', (net, request) => {
    const { usage: _, ...result } = net.connect(request, 110)
    return { ...result, durationSeconds: 110 }
  })
  await workflow.call(call)
  const cost = async () => {
    const records = await box.ledger.usageOf(accountId, workflow.id)
    return records.reduce((sum, record) => sum + (record.cost ?? 0n), 0n)
  }
  const before = await cost()
  later(MINUTE)
  Object.assign(network.books[0] ?? {}, { status: 'final', usage: durationOf(50) })
  expect((await box.reconcile()).differences).toMatchObject([{ type: 'usage_differs', isApplied: true }])
  expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [] })
  expect([await cost(), (await box.ledger.workflow(accountId, workflow.id)).spent]).toEqual([before / 2n, credits(17)])
  await workflow.close()
})

it('charges nothing for a failed attempt that is ours, whose provider counted more than we did', async () => {
  const ears = (name: string, provider: string, transcribe: ProviderAdapter['transcribe']): ProviderAdapter => {
    const adapter = simulated({ services: ['voice_stt'], name })
    return { ...adapter, offers: adapter.offers.filter((offer) => offer.provider === provider), transcribe }
  }
  const records: ProviderRecord[] = []
  const failing: ProviderAdapter = {
    ...ears('failing', 'deepgram', () => {
      const usage = { ...durationOf(60), certainty: 'derived' as const }
      throw new ProviderError('cut', { provider: 'deepgram', kind: 'incomplete', requestId: 'R1', usage })
    }),
    async *records() {
      yield* records
    },
  }
  const good = ears('good', 'openai-whisper', async () => ({ text: 'Hello', model: 'm', usage: durationOf(60) }))
  const configuration = presets.balanced({ sttProvider: 'deepgram', fallbackProviders: { voice_stt: ['openai-whisper'] } })
  const box = await openBox({ providers: [failing, good], configuration, retries: { triesMax: 1 } })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'note' })
  const audio = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
  expect(await workflow.transcribe({ audio })).toMatchObject({ provider: 'openai-whisper', creditsUsed: credits(10) })
  records.push({ requestId: 'R1', service: 'voice_stt', at: box.now() - MINUTE, status: 'final', usage: durationOf(600) })
  for (let times = 0; times < 2; times++) {
    expect((await box.reconcile()).differences).toMatchObject([{ type: 'usage_differs', requestId: 'R1', isApplied: false }])
    expect(await balanceOf(box, accountId)).toBe(credits(10_000 - 10))
  }
  await workflow.close()
})

it('misses nothing at the provider that was charged long after its time, as what a spool kept is', async () => {
  const network = new Network()
  const adapter = {
    ...simulated({ services: ['phone'], name: 'telephone' }),
    async *records({ from, until }: { from: number; until: number }) {
      yield* network.books.filter(({ at }) => at >= from && at < until)
    },
  }
  const clock = () => network.time
  const box = await openBox({ providers: [adapter], clock, storeClock: clock })
  const { accountId } = await openAccount(box)
  const charge = (requestId: string, at: number) => {
    const usage = { quantity: quantity(60), unit: 'seconds' as const, rated: credits(1), cost: nanoUsd(7n) }
    const details = { adapter: 'telephone', requestId, at, usage: [] }
    return box.ledger.charge({ accountId, service: 'phone', provider: 'twilio', usage: { ...usage, details } })
  }
  network.books.push({ requestId: 'spooled', service: 'phone', at: network.time, status: 'final', cost: nanoUsd(7n) })
  const begun = network.time
  network.time += 24 * 60 * MINUTE
  await charge('spooled', begun)
  await charge('missing', network.time)
  network.time += 20 * MINUTE
  expect((await box.reconcile({ from: network.time - 60 * MINUTE })).differences).toMatchObject([
    { type: 'not_at_provider', requestId: 'missing' },
  ])
  expect(await box.reconcile()).toMatchObject({ agreed: 1, differences: [{ type: 'not_at_provider', requestId: 'missing' }] })
})

it('gives a call that the host metered itself to nobody else', async () => {
  const { network, box, workflow, later, balance } = await open('SQLite', unknown)
  const { callId } = network.connect({ ...call }, 60)
  const time = await workflow.meter({ service: 'phone', provider: 'twilio', to, requestId: callId })
  await time.end(60)
  network.bill(0, 28_000_000n)
  await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  later(20 * MINUTE)
  expect((await box.reconcile()).differences).toMatchObject([{ type: 'call_not_placed', to }])
  expect(await balance()).toBe(credits(10_000 - 20))
  await workflow.close()
})

it('goes on with the other providers when one cannot be asked, and says so', async () => {
  const away = {
    ...simulated({ services: ['voice_stt'], name: 'away' }),
    // biome-ignore lint/correctness/useYield: it fails before it tells anything
    async *records(): AsyncGenerator<ProviderRecord> {
      throw new ProviderError('the connection failed', { provider: 'away', kind: 'network' })
    },
  }
  const near = { ...simulated({ services: ['phone'], name: 'near' }), async *records(): AsyncGenerator<ProviderRecord> {} }
  const box = await openBox({ providers: [away, near] })
  const report = await box.reconcile()
  expect(report.differences).toMatchObject([{ type: 'unreachable', adapter: 'away' }])
  expect(report.adapters).toEqual([{ name: 'near', records: 0 }])
})

it('declares no call as not placed while one of those that place calls keeps no records', async () => {
  let time = Date.now()
  const silent = { ...simulated({ services: ['phone'], name: 'silent' }), call: async () => unknown(), records: undefined }
  const twin = { ...simulated({ services: ['phone'], name: 'twin' }), async *records(): AsyncGenerator<ProviderRecord> {} }
  const box = await openBox({ providers: [silent, twin], clock: () => time })
  const { accountId } = await openAccount(box)
  const workflow = box.workflow({ accountId, name: 'taxi' })
  await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  time += 10 * MINUTE
  expect((await box.reconcile()).differences).toMatchObject([{ type: 'call_unknown', accountId, to }])
  expect((await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)
  await workflow.close()
})

it('declares no call as not placed by a provider that could not be asked', async () => {
  const { network, box, accountId, workflow, later } = await open('SQLite', (net, request) => {
    net.connect(request, 0)
    return unknown()
  })
  await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  later(6 * MINUTE)
  network.bill(0, 14_000_000n, 60)
  const [telephone] = box.providers
  const { records } = telephone as ProviderAdapter
  Object.assign(telephone as object, {
    // biome-ignore lint/correctness/useYield: it fails before it tells anything
    async *records() {
      throw new ProviderError('the connection failed', { provider: 'twilio', kind: 'network' })
    },
  })
  expect((await box.reconcile()).differences).toMatchObject([{ type: 'unreachable' }, { type: 'call_unknown', accountId, to }])
  expect((await box.ledger.balance(accountId)).held).toBeGreaterThan(0n)
  Object.assign(telephone as object, { records })
  expect((await box.reconcile()).differences).toMatchObject([{ type: 'call_found', charged: credits(20) }])
  await workflow.close()
})

it('settles nothing by records that an adapter stopped telling because it was aborted', async () => {
  const stopping = new AbortController()
  const { network, box, workflow, later } = await open('SQLite', (net, request) => {
    net.connect(request, 0)
    return unknown()
  })
  await expect(workflow.call(call)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  later(6 * MINUTE)
  network.bill(0, 14_000_000n, 60)
  const [telephone] = box.providers
  const { records } = telephone as ProviderAdapter
  Object.assign(telephone as object, {
    // biome-ignore lint/correctness/useYield: it ends before it tells anything
    async *records() {
      stopping.abort(new Error('the server is stopping'))
    },
  })
  await expect(box.reconcile({ signal: stopping.signal })).rejects.toThrow('the server is stopping')
  Object.assign(telephone as object, { records })
  expect((await box.reconcile()).differences).toMatchObject([{ type: 'call_found', charged: credits(20) }])
  await workflow.close()
})

it('refuses a range that holds no time', async () => {
  const box = await openBox()
  for (const range of [{ from: 2, until: 1 }, { from: 1, until: 1 }, { from: Number.NaN }, { until: Number.POSITIVE_INFINITY }]) {
    await expect(box.reconcile(range)).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('from') })
  }
})
