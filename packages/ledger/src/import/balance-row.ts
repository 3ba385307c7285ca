import { type Credits, credits, isFareboxError } from '@farebox/core'
import { checkAmountOrZero, checkText } from '../check-input.ts'

/** A user of another system, with the balance there. */
export interface BalanceRow {
  /** Line in the source, for the report. @defaultValue the row's position, from 1 */
  line?: number
  /** The user's id, which becomes the account's id. */
  accountId: string
  /** The account's name. @defaultValue the id */
  name?: string
  /**
   * The balance: credits as a plain decimal string, or micro-credits. Never a number, which cannot hold every decimal exactly.
   */
  credits: string | Credits
}

/** A row that its source could not read. The import reports it and continues. */
export interface UnreadableRow {
  line?: number
  accountId?: string
  problem: string
}

/**
 * Where balances come from. `isStrict` iterates it twice, so it then must be a list or what a reader returns, not a generator.
 */
export type BalanceSource = AsyncIterable<BalanceRow | UnreadableRow> | Iterable<BalanceRow | UnreadableRow>

/** A valid row. */
export interface CheckedRow {
  line: number
  accountId: string
  name: string
  amount: Credits
}

/** Checks a row. Returns it ready to import, or the problem with it. */
export function checkRow(row: BalanceRow | UnreadableRow, position: number): CheckedRow | (UnreadableRow & { line: number }) {
  // A list that was filled by mistake may hold anything.
  if (typeof row !== 'object' || row === null)
    return { line: position, problem: `the row must be an object, received ${row === null ? 'null' : typeof row}` }
  const line = row.line ?? position
  if ('problem' in row) return { ...row, line }
  let accountId: string | undefined
  try {
    accountId = checkText('id', row.accountId)
    // U+FFFD replaces a character lost in decoding. Two users whose ids differ only there would become one.
    if (accountId.includes('\uFFFD'))
      return { accountId, line, problem: 'the id has lost a character: read it in its own encoding' }
    const amount = amountOf(row.credits)
    return typeof amount === 'string'
      ? { accountId, line, problem: amount }
      : { line, accountId, name: row.name === undefined ? accountId : checkText('name', row.name), amount }
  } catch (error) {
    if (!isFareboxError(error)) throw error
    return { ...(accountId !== undefined && { accountId }), line, problem: error.message }
  }
}

/** The most that a single ledger change may move. */
const BALANCE_MAX = credits(1_000_000_000)

/**
 * Accepts plain decimals only. What a float or a spreadsheet made of an amount (`1e3`, `1,000`, `$5`) is refused, not guessed at.
 */
function amountOf(given: string | Credits): Credits | string {
  if (typeof given === 'bigint') return checkAmountOrZero('credits', given)
  if (typeof given !== 'string') return `the balance must be a text or micro-credits as bigint, received a ${typeof given}`
  const text = given.trim()
  if (text === '') return 'the balance is empty'
  const shown = JSON.stringify(text.slice(0, 60))
  if (/^-\d/.test(text)) return `the balance is negative: ${shown}`
  if (!/^\d{1,40}(\.\d{1,60})?$/.test(text)) return `the balance is not a plain decimal: ${shown}`
  const shortest = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  if (/\.\d{7}/.test(shortest)) return `the balance has more than six decimals: ${shown}`
  const amount = credits(shortest)
  return amount > BALANCE_MAX ? `the balance must be at most a billion credits: ${shown}` : amount
}
