import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { credits, quantity } from '@farebox/core'
import {
  cloudEvents,
  DeliveryRefusedError,
  Ledger,
  stripeMeterEvents,
  UsageOutbox,
  type UsageOutboxOptions,
  type UsageRow,
} from '@farebox/ledger'
import { type CloudEvent, HTTP } from 'cloudevents'
import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startStripeMeter } from '../loopback/stripe-meter.ts'
import { otherWork } from '../support/other-work.ts'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'

describe.each([
  ['SQLite', openSqlite],
  ['Postgres', openPostgres],
] as const)('usage that is told, on %s', (_, open) => {
  let ledger: Ledger
  let cleanup: () => Promise<void>
  beforeEach(async () => {
    const underTest = await open({})
    cleanup = underTest.cleanup
    ledger = new Ledger(underTest.driver)
    await ledger.migrate()
    for (const accountId of ['ada', 'bob']) {
      await ledger.openAccount({ accountId, name: accountId })
      await ledger.grant({ accountId, amount: credits(1_000) })
    }
  })
  afterEach(async () => {
    for (const accountId of ['ada', 'bob']) expect((await ledger.verify(accountId)).mismatches).toEqual([])
    await cleanup()
  })

  function charge(accountId: string, usageId: string, rated: number | string = 2): Promise<unknown> {
    const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(rated), roundingStep: credits('0.000001') } as const
    return ledger.charge({ accountId, usageId, service: 'gpt', provider: 'gpt-4o', usage })
  }

  const nameOf = ({ accountId, usageId }: UsageRow) => `${accountId} ${usageId}`

  function outboxTo(told: string[], options: Partial<UsageOutboxOptions> = {}): UsageOutbox {
    return new UsageOutbox(ledger, { name: 'books', deliver: (record) => void told.push(nameOf(record)), ...options })
  }

  test('is all that one account has at once, however much that is, and each record once', async () => {
    await Promise.all(Array.from({ length: 250 }, (_, index) => charge('ada', `u${index}`, '0.000001')))
    const told: string[] = []
    const outbox = outboxTo(told)
    expect(await outbox.deliverDue()).toEqual({ delivered: 250, failed: 0, givenUp: 0 })
    expect(new Set(told).size).toBe(250)
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
  })

  test('has not failed when it was cut short by stopping: it is neither reported nor given up', async () => {
    await charge('ada', 'u')
    const begun = Promise.withResolvers<void>()
    const errors: unknown[] = []
    const outbox = outboxTo([], {
      attemptsMax: 1,
      onError: (error) => errors.push(error),
      deliver: (_, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
          begun.resolve()
        }),
    })
    const delivering = outbox.deliverDue()
    await begun.promise
    await outbox.stop()
    expect(await delivering).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
    expect(errors).toEqual([])
    const told: string[] = []
    await outboxTo(told).deliverDue()
    expect(told).toEqual(['ada u'])
  })

  test('is each record and correction once, in the order of its account, across restarts', async () => {
    const told: string[] = []
    const outbox = outboxTo(told)
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
    await charge('ada', 'z')
    await charge('bob', 'b')
    await ledger.placeHold({ accountId: 'ada', amount: credits(1), service: 'gpt', provider: 'gpt-4o', holdId: 'h' })
    await ledger.refund({ accountId: 'ada', usageId: 'z', correctionId: 'a' })
    expect(await outbox.deliverDue()).toEqual({ delivered: 3, failed: 0, givenUp: 0 })
    expect(told.filter((name) => name.startsWith('ada'))).toEqual(['ada z', 'ada a'])
    await ledger.releaseHold({ accountId: 'ada', holdId: 'h' })
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })

    await charge('ada', 'later')
    const restarted = outboxTo(told)
    await restarted.deliverDue()
    expect(told).toHaveLength(4)
    expect(told.at(-1)).toBe('ada later')
    // Another receiver has heard nothing yet, unless it is told to begin later.
    const other: string[] = []
    await outboxTo(other, { name: 'warehouse' }).deliverDue()
    expect(other.toSorted()).toEqual(told.toSorted())
    const future: string[] = []
    await outboxTo(future, { name: 'future', from: Date.now() + 3_600_000 }).deliverDue()
    expect(future).toEqual([])
  })

  test('more than a batch is told whole while more is written, and none twice', async () => {
    const told: string[] = []
    const outbox = outboxTo(told, { pollMs: 5 })
    outbox.start()
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 90 }, (_, index) => charge(index % 2 ? 'ada' : 'bob', `u${round}-${index}`, '0.5')))
    }
    await expect.poll(() => told.length).toBe(270)
    await outbox.stop()
    expect(new Set(told).size).toBe(270)
  })

  test('is told too when the clock was set back, of an account that nobody has heard of', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    onTestFinished(() => void vi.useRealTimers())
    const underTest = await open({ clock: () => Date.now() })
    const other = new Ledger(underTest.driver)
    try {
      await other.migrate()
      const told: string[] = []
      const outbox = new UsageOutbox(other, { name: 'books', deliver: (record) => void told.push(nameOf(record)) })
      const work = async (accountId: string) => {
        await other.openAccount({ accountId, name: accountId })
        await other.grant({ accountId, amount: credits(10) })
        const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(2), roundingStep: credits(1) } as const
        await other.charge({ accountId, usageId: 'u', service: 'gpt', provider: 'gpt-4o', usage })
        await outbox.deliverDue()
      }
      await work('eve')
      vi.setSystemTime(Date.now() - 3_600_000)
      await work('dan')
      // Where it is the database's clock alone that was set back, within an hour.
      vi.setSystemTime(Date.now() + 1_000)
      await outbox.deliverDue()
      vi.setSystemTime(Date.now() + 3_600_000)
      await outbox.deliverDue()
      expect(told).toEqual(['eve u', 'dan u'])
    } finally {
      await underTest.cleanup()
    }
  })

  test('is told at once where the database’s clock alone was wrong for a moment, though others were told then', async () => {
    let aheadMs = 86_400_000
    const underTest = await open({ clock: () => Date.now() + aheadMs })
    onTestFinished(() => underTest.cleanup())
    const other = new Ledger(underTest.driver)
    await other.migrate()
    const told: string[] = []
    const outbox = new UsageOutbox(other, { name: 'books', deliver: (record) => void told.push(nameOf(record)) })
    for (const accountId of ['eve', 'dan']) {
      await other.openAccount({ accountId, name: accountId })
      await other.grant({ accountId, amount: credits(10) })
      const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(2) } as const
      await other.charge({ accountId, usageId: 'u', service: 'gpt', provider: 'gpt-4o', usage })
      await outbox.deliverDue()
      aheadMs = 0
    }
    expect(told).toEqual(['eve u', 'dan u'])
  })

  test('is told soon, though its change was committed after that of another account with a later time', async () => {
    let behindMs = 0
    const underTest = await open({ clock: () => Date.now() - behindMs })
    onTestFinished(() => underTest.cleanup())
    const other = new Ledger(underTest.driver)
    await other.migrate()
    const told: string[] = []
    const outbox = new UsageOutbox(other, { name: 'books', deliver: (record) => void told.push(nameOf(record)) })
    for (const accountId of ['eve', 'dan']) {
      await other.openAccount({ accountId, name: accountId })
      await other.grant({ accountId, amount: credits(10) })
      const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(2) } as const
      await other.charge({ accountId, usageId: 'u', service: 'gpt', provider: 'gpt-4o', usage })
      await outbox.deliverDue()
      behindMs = 60_000
    }
    expect(told).toEqual(['eve u', 'dan u'])
  })

  test('may stop its outbox where it is delivered and throw at once: nothing is rejected that nobody hears', async () => {
    const unheard: unknown[] = []
    const hear = (error: unknown) => void unheard.push(error)
    process.on('unhandledRejection', hear)
    onTestFinished(() => void process.off('unhandledRejection', hear))
    await charge('ada', 'u')
    const outbox = outboxTo([], {
      deliver() {
        void outbox.stop()
        throw new Error('the key is wrong')
      },
    })
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
    await sleep(1)
    expect(unheard).toEqual([])
  })

  test('is told as soon as its account can be noted again, however long that took, and after a stop', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    onTestFinished(() => void vi.useRealTimers())
    const underTest = await open({ clock: () => Date.now() })
    onTestFinished(() => underTest.cleanup())
    const other = new Ledger(underTest.driver)
    await other.migrate()
    const bill = async (accountId: string, usageId: string) => {
      const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(2) } as const
      await other.charge({ accountId, usageId, service: 'gpt', provider: 'gpt-4o', usage })
    }
    const laterBy = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000)
    for (const accountId of ['eve', 'dan']) {
      await other.openAccount({ accountId, name: accountId })
      await other.grant({ accountId, amount: credits(100) })
      await bill(accountId, 'u1')
      laterBy(20)
    }
    const told: string[] = []
    const begun = Promise.withResolvers<void>()
    let hangs = true
    const outbox = new UsageOutbox(other, {
      name: 'books',
      concurrency: 1,
      deliver: async (record) => {
        begun.resolve()
        if (hangs) await new Promise(() => {})
        told.push(nameOf(record))
      },
    })
    const looking = outbox.deliverDue()
    await begun.promise
    await outbox.stop()
    expect(await looking).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
    hangs = false
    expect(await outbox.deliverDue()).toEqual({ delivered: 2, failed: 0, givenUp: 0 })

    const { saveDocument } = other
    other.saveDocument = (input, call) =>
      input.accountId === 'eve' ? Promise.reject(new Error('away')) : saveDocument.call(other, input, call)
    await bill('eve', 'u2')
    for (const usageId of ['u2', 'u3']) {
      await expect(outbox.deliverDue()).rejects.toThrow('away')
      laterBy(15)
      await bill('dan', usageId)
    }
    await expect(outbox.deliverDue()).rejects.toThrow('away')
    other.saveDocument = saveDocument
    told.length = 0
    expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
    expect(told).toEqual(['eve u2'])
  })

  test('has all of its attempts, though a record before it failed here and was told by another process', async () => {
    const told: string[] = []
    const errors: string[] = []
    const failing = outboxTo([], {
      attemptsMax: 2,
      retryDelayMs: () => 1,
      deliver: () => Promise.reject(new Error('away')),
      onError: (_, record) => errors.push(String(record?.usageId)),
    })
    await charge('ada', 'a1')
    expect(await failing.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
    await outboxTo(told).deliverDue()
    await charge('ada', 'a2')
    await expect.poll(() => failing.deliverDue().then(() => errors)).toEqual(['a1', 'a2'])
    expect(await Array.fromAsync(failing.givenUp())).toEqual([])
    await expect.poll(() => failing.deliverDue().then(() => errors)).toEqual(['a1', 'a2', 'a2'])
    expect(await Array.fromAsync(failing.givenUp())).toMatchObject([{ usageId: 'a2' }])
  })

  test('begins with the record of the very moment from which it is to be told', async () => {
    await charge('ada', 'a1')
    const [first] = await ledger.history.usageOf('ada', ['a1'])
    const from = Number(first?.createdAt)
    const told: string[] = []
    await outboxTo(told, { name: 'after', from: from + 1 }).deliverDue()
    expect(told).toEqual([])
    await outboxTo(told, { from }).deliverDue()
    expect(told).toEqual(['ada a1'])
  })

  test('that was given up has not failed again when asking for it was cut short by stopping', async () => {
    const begun = Promise.withResolvers<void>()
    const errors: unknown[] = []
    let hangs = false
    const outbox = outboxTo([], {
      deliver: async () => {
        if (!hangs) throw new DeliveryRefusedError('no such customer')
        begun.resolve()
        await new Promise(() => {})
      },
      onError: (error) => errors.push(error),
    })
    await charge('ada', 'a1')
    await outbox.deliverDue()
    hangs = true
    const asked = outbox.retryUsage({ accountId: 'ada', usageId: 'a1' })
    await begun.promise
    await outbox.stop()
    expect(await asked).toEqual({ isDelivered: false })
    expect(errors).toHaveLength(1)
    expect(await Array.fromAsync(outbox.givenUp())).toMatchObject([{ usageId: 'a1', error: 'no such customer' }])
  })

  test('that failed is tried again when it is time, though the clock was set back meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    onTestFinished(() => void vi.useRealTimers())
    const told: string[] = []
    let isAway = true
    const outbox = outboxTo(told, {
      deliver(record) {
        if (isAway) throw new Error('away')
        told.push(nameOf(record))
      },
      retryDelayMs: () => 1,
    })
    await charge('ada', 'a1')
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
    isAway = false
    vi.setSystemTime(Date.now() - 86_400_000)
    await expect.poll(() => outbox.deliverDue().then(() => told)).toEqual(['ada a1'])
  })

  test('that a receiver does not take holds its account up and no other, until it is taken', async () => {
    const told: string[] = []
    const errors: string[] = []
    let isAway = true
    const outbox = outboxTo(told, {
      deliver(record) {
        if (isAway && record.usageId === 'a2') throw new Error('away')
        told.push(nameOf(record))
      },
      retryDelayMs: () => 1,
      onError: (error, record) => errors.push(`${record?.usageId} ${String(error)}`),
    })
    for (const id of ['a1', 'a2', 'a3']) await charge('ada', id)
    await charge('bob', 'b1')
    expect(await outbox.deliverDue()).toEqual({ delivered: 2, failed: 1, givenUp: 0 })
    expect(errors).toEqual(['a2 Error: away'])
    isAway = false
    await expect.poll(() => outbox.deliverDue().then(() => told.toSorted())).toEqual(['ada a1', 'ada a2', 'ada a3', 'bob b1'])
    expect(told.filter((name) => name.startsWith('ada'))).toEqual(['ada a1', 'ada a2', 'ada a3'])
  })

  test('that failed waits as long as was said, however often others look, and is listed from when it was given up', async () => {
    await charge('ada', 'u1')
    const told: string[] = []
    const outbox = outboxTo([], {
      retryDelayMs: () => 3_600_000,
      deliver(record) {
        told.push(nameOf(record))
        throw record.accountId === 'bob' ? new DeliveryRefusedError('never') : new Error('not yet')
      },
    })
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
    await charge('ada', 'u2')
    await charge('bob', 'u3')
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 1 })
    expect(told).toEqual(['ada u1', 'bob u3'])
    const [{ givenUpAt = 0 } = {}] = await Array.fromAsync(outbox.givenUp())
    expect(await Array.fromAsync(outbox.givenUp({ from: givenUpAt }))).toHaveLength(1)
    expect(await Array.fromAsync(outbox.givenUp({ from: givenUpAt + 1 }))).toEqual([])
  })

  test('is told at once, though a delivery of another account that began before has not ended', async () => {
    const told: string[] = []
    const hanging = Promise.withResolvers<void>()
    const outbox = outboxTo(told, {
      pollMs: 10,
      deliver(record) {
        told.push(nameOf(record))
        return record.accountId === 'ada' ? hanging.promise : undefined
      },
    })
    onTestFinished(() => outbox.stop())
    await charge('ada', 'a1')
    outbox.start()
    await expect.poll(() => told).toEqual(['ada a1'])
    await charge('ada', 'a2')
    await charge('bob', 'b1')
    await expect.poll(() => told).toEqual(['ada a1', 'bob b1'])
    hanging.resolve()
    await expect.poll(() => told).toEqual(['ada a1', 'bob b1', 'ada a2'])
  })

  test('is told, though as many accounts as are told at once have deliveries that hang each time', async () => {
    const told: string[] = []
    const hanging = ['hal', 'hob', 'hut', 'hew']
    const attempts = new Map(hanging.map((accountId) => [accountId, 0]))
    const outbox = outboxTo(told, {
      pollMs: 10,
      concurrency: 2,
      timeoutMs: 5_000,
      retryDelayMs: () => 1,
      async deliver(record) {
        const before = attempts.get(record.accountId)
        if (before === undefined) return void told.push(nameOf(record))
        attempts.set(record.accountId, before + 1)
        await (before === 0 ? sleep(700) : new Promise(() => undefined))
        throw new Error('slow, and in vain')
      },
    })
    onTestFinished(() => outbox.stop())
    for (const accountId of hanging) {
      await ledger.openAccount({ accountId, name: accountId })
      await ledger.grant({ accountId, amount: credits(100) })
      await charge(accountId, 'u')
    }
    outbox.start()
    const areSlow = () => [...attempts.values()].every((count) => count > 0) && Math.max(...attempts.values()) > 1
    await expect.poll(areSlow, { timeout: 20_000 }).toBe(true)
    const before = [...attempts.values()].reduce((sum, count) => sum + count)
    await charge('bob', 'b1')
    await expect.poll(() => told, { timeout: 20_000 }).toEqual(['bob b1'])
    const after = [...attempts.values()].reduce((sum, count) => sum + count)
    expect(after - before).toBeLessThanOrEqual(2)
  })

  test('is told, though more accounts than may wait for their turn have deliveries that hang', async () => {
    const told: string[] = []
    const attempts = new Map(Array.from({ length: 600 }, (_, index) => [`hanging-${index}`, 0]))
    const outbox = outboxTo(told, {
      pollMs: 10,
      concurrency: attempts.size,
      timeoutMs: 20_000,
      retryDelayMs: () => 1,
      async deliver(record) {
        const before = attempts.get(record.accountId)
        if (before === undefined) return void told.push(nameOf(record))
        attempts.set(record.accountId, before + 1)
        await (before === 0 ? sleep(2_100) : new Promise(() => undefined))
        throw new Error('slow, and in vain')
      },
    })
    onTestFinished(() => outbox.stop())
    const begin = async (accountId: string) => {
      await ledger.openAccount({ accountId, name: accountId })
      await ledger.grant({ accountId, amount: credits(100) })
      await charge(accountId, 'u')
    }
    await Promise.all([...attempts.keys()].map(begin))
    outbox.start()
    const again = () => [...attempts.values()].filter((count) => count > 1).length
    await expect.poll(again, { timeout: 20_000 }).toBe(attempts.size / 2)
    await charge('bob', 'b1')
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(['bob b1'])
  })

  test('is told between the records of an account that has many', async () => {
    await Promise.all(Array.from({ length: 250 }, (_, index) => charge('ada', `u${index}`, '0.000001')))
    await charge('bob', 'b1')
    const told: string[] = []
    expect(await outboxTo(told, { concurrency: 1 }).deliverDue()).toEqual({ delivered: 251, failed: 0, givenUp: 0 })
    expect(told.slice(0, 101)).toContain('bob b1')
  })

  test('that nobody will ever take is given up, told apart, and passed', async () => {
    const told: string[] = []
    const deliver = (record: UsageRow) => {
      if (record.usageId === 'a1') throw new DeliveryRefusedError('no such customer')
      if (record.usageId === 'a2') throw new Error('never there')
      told.push(nameOf(record))
    }
    const outbox = outboxTo(told, { deliver, attemptsMax: 2, retryDelayMs: () => 1 })
    for (const id of ['a1', 'a2', 'a3']) await charge('ada', id)
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 1 })
    await expect.poll(() => outbox.deliverDue().then(() => told)).toEqual(['ada a3'])
    expect(await Array.fromAsync(outbox.givenUp())).toEqual([
      { accountId: 'ada', usageId: 'a1', error: 'no such customer', givenUpAt: expect.any(Number) },
      { accountId: 'ada', usageId: 'a2', error: 'never there', givenUpAt: expect.any(Number) },
    ])
  })

  test('that is never taken is given up too by a process that was started after others were told', async () => {
    const told: string[] = []
    await charge('ada', 'a1')
    await outboxTo(told).deliverDue()
    await charge('ada', 'a2')
    await charge('ada', 'a3')
    const delays: number[] = []
    const restarted = outboxTo(told, {
      attemptsMax: 3,
      retryDelayMs(attempt) {
        delays.push(attempt)
        return 1
      },
      deliver(record) {
        if (record.usageId === 'a2') throw new Error('never there')
        told.push(nameOf(record))
      },
    })
    await expect.poll(() => restarted.deliverDue().then(() => told)).toEqual(['ada a1', 'ada a3'])
    expect(delays).toEqual([1, 2])
    expect(await Array.fromAsync(restarted.givenUp())).toMatchObject([{ usageId: 'a2' }])
  })

  test('that was given up is left alone by other processes, also while its account’s next record is under way', async () => {
    for (const id of ['a1', 'a2']) await charge('ada', id)
    const [isAtNext, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const one = outboxTo([], {
      async deliver({ usageId }) {
        if (usageId === 'a1') throw new DeliveryRefusedError('no such customer')
        isAtNext.resolve()
        await mayEnd.promise
      },
    })
    const look = one.deliverDue()
    await isAtNext.promise
    const told: string[] = []
    await outboxTo(told).deliverDue()
    mayEnd.resolve()
    await look
    expect(told).toEqual(['ada a2'])
    expect(await Array.fromAsync(one.givenUp())).toMatchObject([{ usageId: 'a1' }])
  })

  test('is told by one of two processes, and under the same ids where both are at it', async () => {
    const asked: string[][] = [[], []]
    const outboxes = asked.map((events) => {
      const create = async ({ identifier }: { identifier: string }, { idempotencyKey }: { idempotencyKey: string }) => {
        events.push(`${identifier} ${idempotencyKey}`)
      }
      const stripe = { billing: { meterEvents: { create } } }
      const deliver = stripeMeterEvents({ stripe, eventName: 'credits', customerOf: ({ accountId }) => accountId })
      return new UsageOutbox(ledger, { name: 'stripe', deliver })
    })
    const looks = () => Promise.all(outboxes.map((outbox) => outbox.deliverDue().then(({ delivered }) => delivered)))
    const [one, other] = outboxes
    await charge('ada', 'a1')
    await charge('bob', 'b1')
    expect([(await one?.deliverDue())?.delivered, (await other?.deliverDue())?.delivered]).toEqual([2, 0])
    await charge('ada', 'a2')
    expect([(await other?.deliverDue())?.delivered, (await one?.deliverDue())?.delivered]).toEqual([1, 0])
    const before = asked.flat()
    expect(new Set(before).size).toBe(3)
    await charge('ada', 'a3')
    await charge('bob', 'b3')
    // Nobody claims: at least once each, and never under another name.
    await looks()
    expect(new Set(asked.flat()).size).toBe(5)
    expect(await looks()).toEqual([0, 0])
  })

  test('goes on for the others where one account’s note cannot be written, and stopping waits for them', async () => {
    const told: string[] = []
    const errors: unknown[] = []
    const { promise: gate, resolve: letGo } = Promise.withResolvers<void>()
    const { promise: failed, resolve: fails } = Promise.withResolvers<void>()
    const { saveDocument } = ledger
    ledger.saveDocument = (input, call) => {
      if (input.accountId !== 'ada') return saveDocument.call(ledger, input, call)
      fails()
      return Promise.reject(new Error('away'))
    }
    await charge('ada', 'a')
    await charge('bob', 'b')
    const outbox = outboxTo(told, {
      onError: (error) => errors.push(error),
      async deliver(record) {
        if (record.accountId === 'bob') await gate
        told.push(nameOf(record))
      },
    })
    const looking = outbox.deliverDue()
    let isOver = false
    const over = () => {
      isOver = true
    }
    looking.then(over, over)
    await failed
    // Whatever was to come of the failure has come.
    await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(false)
    letGo()
    await expect(looking).rejects.toThrow('away')
    expect(told).toEqual(['ada a', 'bob b'])
    ledger.saveDocument = saveDocument
    // It is told again, for nobody knows that it was, though its account has not changed.
    expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
    expect(told).toEqual(['ada a', 'bob b', 'ada a'])
    expect(errors).toEqual([])
  })

  test('lets other work of the process have its turn, however many accounts it looks at without a change', async () => {
    const accountIds = Array.from({ length: 50 }, (_, index) => `idle${index}`)
    await Promise.all(accountIds.map((accountId) => ledger.openAccount({ accountId, name: accountId })))
    await Promise.all(accountIds.map((accountId) => ledger.grant({ accountId, amount: credits(10) })))
    await Promise.all(accountIds.map((accountId) => charge(accountId, 'u')))
    await outboxTo([]).deliverDue()
    const outbox = outboxTo([])
    const turns = otherWork()
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
    expect(turns()).toBeGreaterThan(5)
  })

  test('lets other work of the process have its turn, however long the journal of an account without usage', async () => {
    const workflowIds = Array.from({ length: 2_000 }, (_, index) => `w${index}`)
    await Promise.all(workflowIds.map((workflowId) => ledger.openWorkflow({ accountId: 'ada', workflowId, name: 'idle' })))
    const turns = otherWork()
    expect(await outboxTo([]).deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
    expect(turns()).toBeGreaterThan(15)
  })

  test('leaves one note in each account, however often it looks, and no entry in its journal', async () => {
    const told: string[] = []
    const outbox = outboxTo(told)
    const notes = () => Array.fromAsync(ledger.documentsBetween({ from: 0, until: Number.MAX_SAFE_INTEGER, kind: 'told_books' }))
    const journal = async () => {
      const changed: number[] = []
      for await (const page of ledger.history.changedSince(0)) changed.push(...page.map(({ sequence }) => sequence))
      return changed
    }
    const before = await journal()
    for (let round = 1; round <= 4; round += 1) {
      await charge('ada', `a${round}`)
      await charge('bob', `b${round}`)
      expect((await outbox.deliverDue()).delivered).toBe(2)
    }
    expect((await notes()).map(({ accountId }) => accountId)).toEqual(['ada', 'bob'])
    expect(await journal()).toEqual(before.map((sequence) => sequence + 4))
    // What a slower process notes does not take it back.
    await ledger.saveDocument({ accountId: 'ada', kind: 'told_books', documentId: 'through', body: {}, version: 1 })
    expect(await outboxTo(told).deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
  })

  test('that was given up is told when somebody asks for it again, and is then no longer listed', async () => {
    const told: string[] = []
    const errors: unknown[] = []
    let fault: Error | undefined = new DeliveryRefusedError('no such customer')
    const outbox = outboxTo(told, {
      deliver(record) {
        if (fault && record.usageId !== 'a2') throw fault
        told.push(nameOf(record))
      },
      onError: (error) => errors.push(error),
    })
    for (const id of ['a1', 'a2', 'a3']) await charge('ada', id)
    expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 2 })
    const givenUp = async () => (await Array.fromAsync(outbox.givenUp())).map(({ usageId, error }) => [usageId, error])
    fault = new Error('still away')
    expect(await outbox.retryUsage({ accountId: 'ada', usageId: 'a1' })).toEqual({ isDelivered: false })
    expect(errors.at(-1)).toBe(fault)
    expect(await givenUp()).toEqual([
      ['a1', 'still away'],
      ['a3', 'no such customer'],
    ])
    fault = undefined
    // By whichever process, also when it has just started, and once.
    const other = outboxTo(told)
    expect(await other.retryUsage({ accountId: 'ada', usageId: 'a1' })).toEqual({ isDelivered: true })
    expect(await outbox.retryUsage({ accountId: 'ada', usageId: 'a1' })).toEqual({ isDelivered: true })
    expect(told).toEqual(['ada a2', 'ada a1'])
    expect(await givenUp()).toEqual([['a3', 'no such customer']])
    for (const usageId of ['a2', 'nobody']) {
      await expect(outbox.retryUsage({ accountId: 'ada', usageId })).rejects.toMatchObject({ code: 'USAGE_NOT_FOUND' })
    }
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
  })

  test('is told by whoever asks for it after the outbox was stopped', async () => {
    const told: string[] = []
    const outbox = outboxTo(told)
    outbox.start()
    await outbox.stop()
    await charge('ada', 'a1')
    expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
    expect(told).toEqual(['ada a1'])
  })

  test('stopping notes what was told, and what hangs is told again', async () => {
    const told: string[] = []
    const { promise: hanging, resolve: hangs } = Promise.withResolvers<void>()
    const outbox = outboxTo(told, {
      async deliver(record, signal) {
        if (record.usageId === 'a2') {
          hangs()
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        }
        told.push(nameOf(record))
      },
    })
    await charge('ada', 'a1')
    await charge('ada', 'a2')
    outbox.start()
    await hanging
    await outbox.stop()
    expect(told).toEqual(['ada a1'])
    await outboxTo(told).deliverDue()
    expect(told).toEqual(['ada a1', 'ada a2'])
  })

  test('reaches Stripe’s own client as meter events, once each, in whole numbers', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    const customers: Record<string, string> = { ada: 'cus_ada' }
    const errors: unknown[] = []
    const outbox = new UsageOutbox(ledger, {
      name: 'stripe',
      retryDelayMs: () => 1,
      onError: (error) => errors.push(error),
      deliver: stripeMeterEvents({
        stripe,
        eventName: 'farebox_credits',
        value: 'micro_credits',
        customerOf: ({ accountId, usageId }) => (usageId === 'wrong' ? 'nobody' : customers[accountId]),
      }),
    })
    await charge('ada', 'u1', '12.345678')
    await charge('ada', 'free', '0')
    await charge('ada', 'wrong')
    await ledger
      .refund({ accountId: 'ada', usageId: 'u1', correctionId: 'back', amount: credits('0.000001') })
      .catch(() => undefined)
    await charge('bob', 'not billed')
    // Busy, then a hang-up after the event was taken, then a bad key: each is tried again.
    meter.fail(429, 0, 401)
    const isDone = async () => {
      await outbox.deliverDue()
      return meter.events.size
    }
    await expect.poll(isDone).toBe(2)
    const [event] = [...meter.events.values()]
    const records = await ledger.history.usageOf('ada', ['u1'])
    expect(event).toEqual({
      authorization: 'Bearer sk_test_1',
      idempotencyKey: `farebox-${event?.identifier}`,
      event_name: 'farebox_credits',
      identifier: expect.stringMatching(/^[0-9a-f-]{36}$/),
      timestamp: String(Math.floor((records[0]?.createdAt ?? 0) / 1000)),
      payload: { stripe_customer_id: 'cus_ada', value: String(records[0]?.charged) },
    })
    expect(
      new Set(meter.asked.filter(({ payload }) => payload.value === event?.payload.value).map(({ identifier }) => identifier))
        .size,
    ).toBe(1)
    expect(meter.asked.some(({ payload }) => payload.value === '0' || payload.stripe_customer_id === undefined)).toBe(false)
    expect([...meter.events.values()].map(({ payload }) => payload.value)).toEqual(['12345678', '-1'])
    const givenUp = await Array.fromAsync(outbox.givenUp())
    expect(givenUp).toMatchObject([{ usageId: 'wrong', error: expect.stringContaining('Stripe answered 400') }])
    // Stripe's client asks once more by itself where the connection was cut, under the same idempotency key.
    expect(errors).toHaveLength(3)
  })

  test('was told to Stripe where Stripe says that it has it, though the answer was lost and its request forgotten', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    const deliver = stripeMeterEvents({ stripe, eventName: 'farebox_credits', customerOf: () => 'cus_ada' })
    await charge('ada', 'u1')
    let isLost = true
    const outbox = outboxTo([], {
      retryDelayMs: () => 1,
      async deliver(record, signal) {
        await deliver(record, signal)
        if (!isLost) return
        isLost = false
        meter.forget()
        throw new Error('the process died')
      },
    })
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
    await expect.poll(() => outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
    expect([meter.asked.length, meter.events.size]).toEqual([2, 1])
  })

  test('reaches Stripe after a failure, which Stripe says again for a day under the same key', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    const deliver = stripeMeterEvents({ stripe, eventName: 'farebox_credits', customerOf: () => 'cus_ada' })
    const outbox = outboxTo([], { deliver, retryDelayMs: () => 1, attemptsMax: 4 })
    await charge('ada', 'u1')
    meter.fail(500, 503)
    await expect.poll(() => outbox.deliverDue().then(() => meter.events.size)).toBe(1)
    expect(new Set(meter.asked.map(({ identifier }) => identifier)).size).toBe(1)
    expect(new Set(meter.asked.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(3)
    expect(await Array.fromAsync(outbox.givenUp())).toEqual([])
  })

  test('is not told to Stripe of an account without a customer, and waits where that is blank', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    const customers: Record<string, string | null> = { ada: null, bob: ' ' }
    const deliver = stripeMeterEvents({ stripe, eventName: 'credits', customerOf: ({ accountId }) => customers[accountId] })
    const outbox = outboxTo([], { deliver, retryDelayMs: () => 1 })
    await charge('ada', 'u1')
    await charge('bob', 'u1')
    expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 1, givenUp: 0 })
    expect(meter.asked).toEqual([])
    customers.bob = 'cus_bob'
    await expect.poll(() => outbox.deliverDue().then(() => meter.events.size)).toBe(1)
  })

  test('was not told to Stripe where a proxy answered in JSON of its own', async () => {
    let status = 502
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"message":"no upstream"}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const errors: unknown[] = []
    for (const httpClient of [undefined, Stripe.createFetchHttpClient()]) {
      const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port, protocol: 'http', telemetry: false, httpClient })
      const deliver = stripeMeterEvents({ stripe, eventName: 'farebox_credits', customerOf: () => 'cus_ada' })
      const outbox = outboxTo([], { name: httpClient ? 'fetch' : 'node', deliver, onError: (error) => errors.push(error) })
      await charge('ada', 'u1')
      for (status of [502, 429, 404]) {
        const again = outboxTo([], { name: `at_${status}`, deliver, onError: (error) => errors.push(error) })
        expect(await again.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
      }
      status = 200
      expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
    }
    expect(errors.map(String)).toContain("Error: the answer has status 502 and is not Stripe's own")
  })

  test('waits for Stripe’s clock where ours is ahead, and is not given up', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    const deliver = stripeMeterEvents({ stripe, eventName: 'farebox_credits', customerOf: () => 'cus_ada' })
    const outbox = outboxTo([], { deliver, retryDelayMs: () => 1 })
    await charge('ada', 'u1')
    meter.behindMs = 600_000
    expect(await outbox.deliverDue()).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
    meter.behindMs = 0
    await expect.poll(() => outbox.deliverDue().then(() => meter.events.size)).toBe(1)
  })

  test('is counted by Stripe for each account, also where the records of two have the same id', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    const deliver = stripeMeterEvents({ stripe, eventName: 'credits', customerOf: ({ accountId }) => `cus_${accountId}` })
    await charge('ada', 'u1', 2)
    await charge('bob', 'u1', 3)
    expect(await outboxTo([], { deliver }).deliverDue()).toEqual({ delivered: 2, failed: 0, givenUp: 0 })
    const counted = [...meter.events.values()].map(({ payload }) => `${payload.stripe_customer_id} ${payload.value}`)
    expect(counted.sort()).toEqual(['cus_ada 2', 'cus_bob 3'])
    // A refund takes back what was told.
    await ledger.refund({ accountId: 'bob', usageId: 'u1', correctionId: 'back', amount: credits(1) })
    expect(await outboxTo([], { deliver }).deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
    expect([...meter.events.values()].at(-1)?.payload).toEqual({ stripe_customer_id: 'cus_bob', value: '-1' })
  })

  test('is told to Stripe again where it is busy, or with the same request, and given up where it would be too old for it', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    const deliver = stripeMeterEvents({ stripe, eventName: 'credits', customerOf: () => 'cus_ada' })
    await charge('ada', 'u1')
    for (const status of [401, 403, 409, 429]) {
      meter.fail(status)
      const outbox = outboxTo([], { name: `at_${status}`, deliver })
      expect(await outbox.deliverDue(), String(status)).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
    }
    expect(meter.events.size).toBe(0)
    const refusing = {
      billing: {
        meterEvents: {
          create: () => Promise.reject(Object.assign(new Error('The timestamp is too far in the past'), { statusCode: 400 })),
        },
      },
    }
    const [record] = await ledger.history.usageOf('ada', ['u1'])
    const dayMs = 86_400_000
    for (const [days, refused] of [
      [33, false],
      [35, true],
    ] as const) {
      const late = stripeMeterEvents({ stripe: refusing, eventName: 'credits', customerOf: () => 'cus_ada' })
      const told = Promise.resolve(
        late({ ...(record as UsageRow), createdAt: Date.now() - days * dayMs }, AbortSignal.timeout(1_000)),
      )
      const error: unknown = await told.catch((reason: unknown) => reason)
      expect(error instanceof DeliveryRefusedError, `${days} days old`).toBe(refused)
    }
  })

  test.each(['credits', 'micro_credits'] as const)(
    'is told to Stripe without what the balance did not cover, in %s',
    async (value) => {
      const meter = await startStripeMeter()
      onTestFinished(() => meter.close())
      const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
      const deliver = stripeMeterEvents({ stripe, eventName: 'credits', value, customerOf: () => 'cus_ada' })
      const usage = { quantity: quantity(5), unit: 'tokens', rated: credits(1_500) } as const
      await ledger.charge({ accountId: 'ada', usageId: 'u1', service: 'gpt', provider: 'gpt-4o', usage, overage: 'cap' })
      expect(await outboxTo([], { deliver }).deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
      const paid = value === 'credits' ? '1000' : '1000000000'
      expect([...meter.events.values()].map(({ payload }) => payload.value)).toEqual([paid])
    },
  )

  test('is told to two of Stripe’s meters, and counted by each', async () => {
    const meter = await startStripeMeter()
    onTestFinished(() => meter.close())
    const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: meter.port, protocol: 'http', telemetry: false })
    await charge('ada', 'u1')
    for (const [eventName, value] of [
      ['credits', 'credits'],
      ['tokens', ({ quantity }: UsageRow) => quantity / 1_000_000n],
    ] as const) {
      const deliver = stripeMeterEvents({ stripe, eventName, value, customerOf: () => 'cus_ada' })
      const outbox = new UsageOutbox(ledger, { name: eventName, deliver })
      expect(await outbox.deliverDue()).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
    }
    expect([...meter.events.values()].map(({ event_name, payload }) => [event_name, payload.value])).toEqual([
      ['credits', '2'],
      ['tokens', '5'],
    ])
  })

  test('reaches a receiver as CloudEvents that the SDK of CloudEvents reads, under the same id each time', async () => {
    const received: { headers: Record<string, string>; body: string }[] = []
    const answers = [500, 204]
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      received.push({ headers: request.headers as Record<string, string>, body })
      response.writeHead(answers.shift() ?? 204).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
    const deliver = cloudEvents({ url, source: 'urn:acme', headers: { authorization: 'Bearer token' } })
    const outbox = new UsageOutbox(ledger, { name: 'events', deliver, retryDelayMs: () => 1 })
    await charge('ada', 'u1', '2.5')
    await expect.poll(() => outbox.deliverDue().then(() => received.length)).toBe(2)
    const events = received.map((message) => HTTP.toEvent(message) as CloudEvent<Record<string, unknown>>)
    for (const event of events) expect(event.validate()).toBe(true)
    expect(events[0]?.toJSON()).toEqual(events[1]?.toJSON())
    expect(events[0]).toMatchObject({ id: 'u1', source: 'urn:acme:ada', type: 'farebox.usage.recorded', subject: 'ada' })
    expect(events[0]?.data).toMatchObject({ credits_charged: '2.5', quantity: '5', unit: 'tokens' })
    expect(received[0]?.headers.authorization).toBe('Bearer token')
  })
})

test('a CloudEvent has one content type, however the host spells a header of its own', async () => {
  const sent: Headers[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    sent.push(new Request(input, init).headers)
    return new Response(null, { status: 204 })
  }
  const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer token' }
  const deliver = cloudEvents({ url: 'https://events.example/', headers, fetch })
  await deliver(
    { accountId: 'ada', usageId: 'u', quantity: 0n, rated: 0n, charged: 0n, shortfall: 0n, createdAt: 0 } as never,
    new AbortController().signal,
  )
  expect(sent.map((each) => [each.get('content-type'), each.get('authorization')])).toEqual([
    ['application/cloudevents+json; charset=utf-8', 'Bearer token'],
  ])
})

test('options that cannot work are named', () => {
  expect(() => cloudEvents({ url: 'https://events.example/', source: 'of us' })).toThrow('source must be a URI reference')
  const ledger = new Ledger({} as never)
  const deliver = () => undefined
  for (const [options, name] of [
    [{ name: 'Not a name' }, 'name'],
    [{ name: '' }, 'name'],
    [{ name: 'a', pollMs: 0 }, 'pollMs'],
    [{ name: 'a', pollMs: 2 ** 31 }, 'pollMs'],
    [{ name: 'a', timeoutMs: 2 ** 31 }, 'timeoutMs'],
    [{ name: 'a', concurrency: 1.5 }, 'concurrency'],
    [{ name: 'a', attemptsMax: -1 }, 'attemptsMax'],
    [{ name: 'a', from: -1 }, 'from'],
  ] as const) {
    expect(() => new UsageOutbox(ledger, { deliver, ...options })).toThrow(name)
  }
  expect(() => cloudEvents({ url: 'http://elsewhere.example/' })).toThrow('url')
  expect(() => cloudEvents({ url: 'https://ada:secret@example.com/' })).toThrow(/^(?!.*secret).*url/)
  const customerOf = () => 'cus_1'
  expect(() => stripeMeterEvents({ stripe: {} as never, eventName: 'x', customerOf })).toThrow('stripe')
  const stripe = { billing: { meterEvents: { create: () => Promise.resolve() } } }
  expect(() => stripeMeterEvents({ stripe, eventName: '', customerOf })).toThrow('eventName')
})
