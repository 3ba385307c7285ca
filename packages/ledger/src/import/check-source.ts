import { checkOptionNames, InvalidOptionError } from '@farebox/core'

/** What every table of balances is read by. */
interface BalanceTable {
  table: string
  idColumn: string
  balanceColumn: string
}

/**
 * Checks which table to read balances from.
 *
 * @param known  every option that exists, and whether it must be given
 * @param of     what has the options, for the message: `readSqliteBalances()`
 * @throws {InvalidOptionError} an option is unknown, or one that must be given is no text
 */
export function checkSource<Options extends BalanceTable>(
  options: Options,
  known: Readonly<Record<keyof Options, 'required' | 'optional'>>,
  of: string,
): void {
  const names = Object.keys(known) as (keyof Options & string)[]
  checkOptionNames(options, Object.fromEntries(names.map((name) => [name, true])) as Record<keyof Options, true>, of)
  for (const name of names) {
    const value: unknown = options[name]
    if (known[name] === 'optional' && value === undefined) continue
    if (typeof value !== 'string' || value === '')
      throw new InvalidOptionError(`${name} of ${of} must be a text, received ${value === '' ? '""' : typeof value}`)
  }
}
