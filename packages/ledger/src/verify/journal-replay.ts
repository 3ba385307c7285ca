import { decodeEntry, entryHash, GENESIS_HASH } from '../machine/journal.ts'
import type { AccountRow, EntryRow } from '../rows.ts'
import type { Findings } from './report.ts'
import { add } from './sums.ts'
import { TermsCheck } from './terms-check.ts'
import { UsagePrint } from './usage-print.ts'

/** Replays a journal in its order: checks the hash chain and that each entry balances, and sums up what the entries say. */
export class JournalReplay {
  readonly #findings: Findings
  #previous = GENESIS_HASH
  #entries = 0
  /** The balance of each bucket. */
  readonly buckets = new Map<string, bigint>()
  /** The debt that each grant repaid. */
  readonly repaid = new Map<string, bigint>()
  /** The sequence of the newest change of each budget. */
  readonly setAt = new Map<string, number>()
  /** What was agreed, as the entries say. */
  readonly terms: TermsCheck
  /** Of the usage records that the entries wrote. */
  readonly usage = new UsagePrint()

  constructor(findings: Findings) {
    this.#findings = findings
    this.terms = new TermsCheck(findings)
  }

  get entries(): number {
    return this.#entries
  }

  bucket(name: string): bigint {
    return this.buckets.get(name) ?? 0n
  }

  add(entry: EntryRow): void {
    const { sequence, verb, hash } = entry
    const at = () => String(sequence)
    this.#entries += 1
    this.#findings.expect('sequence_gap', () => String(this.#entries), this.#entries, sequence)
    this.#findings.expect('hash_broken', at, entryHash(this.#previous, entry), hash)
    this.#previous = hash
    const decoded = decodeEntry(entry)
    const { postings, outcome } = decoded
    this.terms.add(decoded)
    this.usage.addEntry(decoded)
    this.#addRepaid(outcome)
    if (verb === 'setBudget') this.setAt.set(String((outcome as { budgetId?: unknown } | null)?.budgetId), sequence)
    let total = 0n
    for (const [bucket, amount] of postings) {
      total += amount
      add(this.buckets, bucket, amount)
    }
    this.#findings.expect('entry_unbalanced', at, 0n, total)
  }

  /** Compares the end of the journal with what the account says of it. */
  end({ chainHash, sequence }: AccountRow): void {
    this.#findings.expect('head_broken', 'newest hash', this.#previous, chainHash)
    this.#findings.expect('head_broken', 'entries', this.#entries, sequence)
  }

  /** Adds what a grant repaid when it was made, began or expired. An outcome that was tampered with may be anything. */
  #addRepaid(outcome: unknown): void {
    const { grantId, repaid } = (outcome ?? {}) as Record<string, unknown>
    if (typeof grantId === 'string' && typeof repaid === 'string' && /^\d+$/.test(repaid)) {
      add(this.repaid, grantId, BigInt(repaid))
    }
  }
}
