import { checkOptionNames, InvalidOptionError } from '@farebox/core'

/** Facts that a FOCUS export needs and a ledger of credits does not know. */
export interface FocusOptions {
  /** Price of one credit, as a decimal string with at most nine decimal places: `0.001`. */
  creditPrice: string
  /** ISO 4217 code of the price's currency. @defaultValue `USD` */
  currency?: string
  /** Name of the company that sells the credits and sends the invoices. */
  seller: string
}

/** Checked {@link FocusOptions}. */
export interface ResolvedFocusOptions {
  /** Price of one credit, in billionths of the currency. */
  nanoPrice: bigint
  creditPrice: string
  currency: string
  seller: string
}

const known: Record<keyof FocusOptions, true> = { creditPrice: true, currency: true, seller: true }

/**
 * Checks {@link FocusOptions} and fills in the defaults.
 *
 * @throws {InvalidOptionError} an option is missing, unknown or invalid; the message names it
 */
export function resolveFocusOptions(options: FocusOptions | undefined): ResolvedFocusOptions {
  if (!options) throw new InvalidOptionError('focus is missing: FOCUS needs { creditPrice, currency, seller }')
  // A misspelt `currency` would tell the amounts of another currency as dollars.
  checkOptionNames(options, known, 'focus')
  const { creditPrice, currency = 'USD', seller } = options
  const parts = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(creditPrice)
  const nanoPrice = parts ? BigInt(parts[1] ?? '0') * 1_000_000_000n + BigInt((parts[2] ?? '').padEnd(9, '0')) : 0n
  if (nanoPrice === 0n) {
    throw new InvalidOptionError(
      `focus.creditPrice must be a decimal above 0 such as 0.001, received ${JSON.stringify(creditPrice)}`,
    )
  }
  if (!/^[A-Z]{3}$/.test(currency)) {
    throw new InvalidOptionError(`focus.currency must be an ISO 4217 code such as USD, received ${JSON.stringify(currency)}`)
  }
  if (typeof seller !== 'string' || seller.trim() === '')
    throw new InvalidOptionError('focus.seller must name who sells the credits')
  return { nanoPrice, creditPrice, currency, seller }
}
