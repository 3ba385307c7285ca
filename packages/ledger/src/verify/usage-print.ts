import { hash } from 'node:crypto'
import type { JournalEntry, UsageRow } from '../rows.ts'
import { said } from './said.ts'

const VERBS: ReadonlySet<string> = new Set(['settleHold', 'charge', 'refund', 'adjust'])

/**
 * A sum over usage records that two sets of them share if they have the same ids, entries, times and amounts, in whatever order. So the
 * records, of which there may be many millions, are compared with the entries that wrote them, one by one and none remembered.
 */
export class UsagePrint {
  #sum = 0n

  addEntry({ verb, sequence, at, outcome }: JournalEntry): void {
    if (!VERBS.has(verb)) return
    const { usageId, correctionId, charged, refunded, shortfall } = said(outcome)
    this.#add(`${correctionId ?? usageId} ${sequence} ${at} ${refunded ?? charged} ${shortfall}`)
  }

  addRecord({ usageId, sequence, createdAt, corrects, charged, shortfall }: UsageRow): void {
    this.#add(`${usageId} ${sequence} ${createdAt} ${corrects === null ? charged : -charged} ${shortfall}`)
  }

  toString(): string {
    return this.#sum.toString(16).padStart(64, '0')
  }

  /** By a digest that nobody can aim: whoever changes one record must not be able to even it out with another. */
  #add(text: string): void {
    this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${hash('sha256', text)}`))
  }
}
