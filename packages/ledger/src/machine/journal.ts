import { createHash } from 'node:crypto'
import { encodePostings } from '../row-json.ts'
import type { AccountRow, EntryRow, Posting } from '../rows.ts'
import type { LedgerState } from './state.ts'

/** What is written down about one change. */
export interface EntryInput {
  verb: string
  idempotencyKey: string | null
  content: Record<string, string>
  /** As JSON: amounts are strings. */
  outcome: unknown
  postings: readonly Posting[]
}

/** Hash before the first entry of an account. */
export const GENESIS_HASH = ''

/** Appends an entry to an account's journal and moves the account's clock. */
export function appendEntry(state: LedgerState, account: AccountRow, input: EntryInput, now: number): EntryRow {
  const postings = input.postings.filter(([, amount]) => amount !== 0n)
  const entry = { accountId: account.accountId, sequence: account.sequence + 1, at: now, ...input, postings }
  const hash = entryHash(account.chainHash, entry)
  account.sequence = entry.sequence
  account.chainHash = hash
  account.updatedAt = now
  state.touch('accounts', account)
  const row: EntryRow = { ...entry, hash }
  state.insert('journal', row)
  return row
}

/** Chains an entry to the one before it: SHA-256 over the previous hash and every field. */
export function entryHash(previousHash: string, entry: Omit<EntryRow, 'hash'>): string {
  const fields = [
    previousHash,
    entry.accountId,
    entry.sequence,
    entry.at,
    entry.verb,
    entry.idempotencyKey,
    entry.content,
    entry.outcome,
    encodePostings(entry.postings),
  ]
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}
