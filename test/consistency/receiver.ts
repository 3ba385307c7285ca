import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { UsageOutbox, type UsageRow } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import type { Dice } from './dice.ts'
import { listen } from './serve.ts'

/** Somebody's server that takes usage records, and now and then fails to. */
export interface Receiver {
  url: string
  /** Whether it fails no more. */
  isCalm: boolean
  /** Has a box's outbox deliver what is due. */
  deliver(box: Farebox): Promise<void>
  /** Compares what has come with an account's records. */
  check(box: Farebox, accountId: string): Promise<{ faults: string[]; records: number }>
  close(): Promise<void>
}

interface Delivered {
  accountId: string
  usageId: string
  charged: string
  sequence: number
}

export async function startReceiver(dice: Dice): Promise<Receiver> {
  const taken = new Map<string, Delivered>()
  const sequences = new Map<string, number>()
  const faults: string[] = []
  const server = await listen(async (request, response) => {
    const record = (await json(request)) as Delivered
    const { accountId, usageId, charged, sequence } = record
    const key = `${accountId} ${usageId}`
    response.statusCode = !receiver.isCalm && dice.chance(0.1) ? 500 : 204
    if (response.statusCode === 204 || dice.chance(0.5)) {
      const before = taken.get(key)
      if (before && before.charged !== charged) faults.push(`${key} came as ${before.charged} and as ${charged}`)
      if (!before && sequence < (sequences.get(accountId) ?? 0)) faults.push(`${key} came after a later one`)
      if (!before) sequences.set(accountId, sequence)
      taken.set(key, record)
    }
    response.end()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const receiver: Receiver = {
    url,
    isCalm: false,
    deliver: async (box) => void (await openOutbox(box, url).deliverDue()),
    async check(box, accountId) {
      const missing: string[] = []
      let records = 0
      for await (const page of box.ledger.history.usage({ accountId })) {
        records += page.length
        for (const { usageId, charged } of page) {
          const told = taken.get(`${accountId} ${usageId}`)?.charged
          if (told !== String(charged)) missing.push(`${usageId} of ${charged} was delivered as ${told}`)
        }
      }
      const count = [...taken.values()].filter((record) => record.accountId === accountId).length
      if (count !== records) missing.push(`${count} records of ${accountId} were delivered, of ${records}`)
      return { faults: [...faults.splice(0), ...missing], records }
    },
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return receiver
}

/** Each process has one, all of one name. */
export function openOutbox(box: Farebox, url: string): UsageOutbox {
  return new UsageOutbox(box.ledger, {
    name: 'receiver',
    pollMs: 50,
    retryDelayMs: () => 1,
    async deliver({ accountId, usageId, charged, sequence }: UsageRow, signal) {
      const body = JSON.stringify({ accountId, usageId, charged: String(charged), sequence })
      const { ok, status } = await fetch(url, { method: 'POST', body, signal })
      if (!ok) throw new Error(`answered ${status}`)
    },
  })
}
