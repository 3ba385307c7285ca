import { hash } from 'node:crypto'
import { decodePostings, encodePostings } from '../row-json.ts'
import type { AccountRow, EntryRow, JournalEntry, Posting } from '../rows.ts'
import { parseColumn } from '../unreadable-row.ts'
import type { LedgerState } from './state.ts'

/** What the journal records about one change. */
export interface EntryInput {
  verb: string
  idempotencyKey: string | null
  content: Record<string, string>
  /** Plain JSON, in which amounts are strings. */
  outcome: unknown
  postings: readonly Posting[]
}

/** The hash that precedes an account's first entry. */
export const GENESIS_HASH = ''

/**
 * Appends an entry to an account's journal and advances the account's clock.
 *
 * @throws {Error} the postings do not add up to zero: the batch then changes nothing
 */
export function appendEntry(state: LedgerState, account: AccountRow, input: EntryInput, now: number): void {
  const sum = input.postings.reduce((total, [, amount]) => total + amount, 0n)
  if (sum !== 0n) throw new Error(`the postings of ${input.verb} in account ${account.accountId} add up to ${sum}, not to zero`)
  const entry: EntryRow = {
    accountId: account.accountId,
    sequence: account.sequence + 1,
    at: now,
    verb: input.verb,
    idempotencyKey: input.idempotencyKey,
    content: JSON.stringify(input.content),
    outcome: JSON.stringify(input.outcome),
    postings: JSON.stringify(encodePostings(input.postings.filter(([, amount]) => amount !== 0n))),
    hash: '',
  }
  entry.hash = entryHash(account.chainHash, entry)
  account.sequence = entry.sequence
  account.chainHash = entry.hash
  account.updatedAt = now
  state.touch('accounts', account)
  state.insert('journal', entry)
}

/**
 * The hash that chains an entry to the one before it. No field can contain a line break, since ids and keys are checked for
 * control characters and JSON escapes them. So two different entries never hash the same text.
 */
export function entryHash(previousHash: string, entry: Omit<EntryRow, 'hash'>): string {
  const { accountId, sequence, at, verb, idempotencyKey, content, outcome, postings } = entry
  return hash(
    'sha256',
    `${previousHash}\n${accountId}\n${sequence}\n${at}\n${verb}\n${idempotencyKey ?? ''}\n${content}\n${outcome}\n${postings}`,
  )
}

/** Decodes a stored entry. @throws {UnreadableRowError} the entry is not what the ledger wrote */
export function decodeEntry(row: EntryRow): JournalEntry {
  return {
    ...row,
    content: parseColumn('content', row.content),
    outcome: parseColumn('outcome', row.outcome),
    postings: parseColumn('postings', row.postings, decodePostings),
  }
}
