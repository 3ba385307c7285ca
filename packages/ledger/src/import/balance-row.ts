import { type Credits, credits, isFareboxError } from '@farebox/core'
import { checkAmountOrZero, checkText } from '../check-input.ts'

/** A user and a balance, as another system has them. */
export interface BalanceRow {
  /** Where it stands in its source, for the report. @defaultValue its position, from 1 */
  line?: number
  /** The user's id, which becomes the account's. */
  accountId: string
  /** @defaultValue the id */
  name?: string
  /** Credits as a plain decimal, never a number, which could not hold every decimal exactly; or micro-credits. */
  credits: string | Credits
}

/** A row that its source could not read. It is reported, and the others go on. */
export interface UnreadableRow {
  line?: number
  accountId?: string
  problem: string
}

/** Where balances come from. `isStrict` reads it twice, so that needs one that can be, such as a list or what a reader returns. */
export type BalanceSource = AsyncIterable<BalanceRow | UnreadableRow> | Iterable<BalanceRow | UnreadableRow>

/** A row that can be imported. */
export interface CheckedRow {
  line: number
  accountId: string
  name: string
  amount: Credits
}

/** The row as it can be imported, or why it cannot. */
export function checkRow(
  row: BalanceRow | UnreadableRow,
  position: number,
): CheckedRow | Required<Pick<UnreadableRow, 'line' | 'problem'>> {
  const line = row.line ?? position
  if ('problem' in row) return { ...row, line }
  try {
    const accountId = checkText('id', row.accountId)
    // It stands for a character that was lost on the way, and two users who differ in that one would become one.
    if (accountId.includes('\uFFFD'))
      return { accountId, line, problem: 'the id has lost a character: read it in its own encoding' }
    const amount = amountOf(row.credits)
    return typeof amount === 'string'
      ? { accountId, line, problem: amount }
      : { line, accountId, name: row.name === undefined ? accountId : checkText('name', row.name), amount }
  } catch (error) {
    if (!isFareboxError(error)) throw error
    return { line, problem: error.message }
  }
}

/** The most that one change of a ledger may move. */
const BALANCE_MAX = credits(1_000_000_000)

/** Plain decimals alone: what a float or a spreadsheet made of an amount (`1e3`, `1,000`, `$5`) is refused rather than guessed at. */
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
