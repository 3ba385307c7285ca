import { InvalidOptionError } from '@farebox/core'

/** What FOCUS wants to know that a ledger of credits does not. */
export interface FocusOptions {
  /** What a credit costs, as a decimal with at most nine decimals: `0.001`. */
  creditPrice: string
  /** ISO 4217 code of what it costs. @defaultValue `USD` */
  currency?: string
  /** Who sells the credits, and sends the invoices. */
  seller: string
}

/** {@link FocusOptions} that were checked. */
export interface ResolvedFocusOptions {
  /** Of a credit, in 1e-9 of the currency. */
  nanoPrice: bigint
  creditPrice: string
  currency: string
  seller: string
}

/**
 * What FOCUS needs, checked, with nothing left open.
 *
 * @throws {InvalidOptionError} names the option that is missing or wrong
 */
export function resolveFocusOptions(options: FocusOptions | undefined): ResolvedFocusOptions {
  if (!options) throw new InvalidOptionError('focus is missing: FOCUS needs { creditPrice, currency, seller }')
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
