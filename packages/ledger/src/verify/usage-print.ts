import type { JournalEntry, UsageRow } from '../rows.ts'
import { said } from './said.ts'

const VERBS: ReadonlySet<string> = new Set(['settleHold', 'charge', 'refund', 'adjust'])

/**
 * A sum over usage records that two sets of them share if they have the same ids, entries, times and amounts, in whatever order. So the
 * records, of which there may be many millions, are compared with the entries that wrote them, one by one and none remembered.
 */
export class UsagePrint {
  #high = 0
  #low = 0

  addEntry({ verb, sequence, at, outcome }: JournalEntry): void {
    if (!VERBS.has(verb)) return
    const { usageId, correctionId, charged, refunded, shortfall } = said(outcome)
    this.#add(`${correctionId ?? usageId} ${sequence} ${at} ${refunded ?? charged} ${shortfall}`)
  }

  addRecord({ usageId, sequence, createdAt, corrects, charged, shortfall }: UsageRow): void {
    this.#add(`${usageId} ${sequence} ${createdAt} ${corrects === null ? charged : -charged} ${shortfall}`)
  }

  toString(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #add(text: string): void {
    let [high, low] = [0, 1]
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      high = Math.imul(high ^ code, 0x01000193)
      low = Math.imul(low + code, 0x85ebca6b) ^ (low >>> 13)
    }
    this.#high = (this.#high + high) | 0
    this.#low = (this.#low + low) | 0
  }
}
