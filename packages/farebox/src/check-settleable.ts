import { InvalidOptionError } from '@farebox/core'
import { hasPeriods, type PriceBook, type PriceEntry } from '@farebox/pricing'

/**
 * Rejects price books that a Farebox cannot settle. It settles calls one by one, in any number of processes, and its ledger
 * rounds sums up, so any other rule would be charged wrongly without anybody noticing. Costs by period are allowed: every call
 * counts as the first of its period, which costs the most.
 *
 * @throws {InvalidOptionError} a book is in the wrong currency, rounds totals other than up, or prices credits by period
 */
export function checkSettleable(prices: PriceBook, costs: PriceBook): void {
  if (prices.currency !== 'credits') throw new InvalidOptionError(`prices must be a book in credits, ${prices.name} is in usd`)
  if (costs.currency !== 'usd') throw new InvalidOptionError(`costs must be a book in usd, ${costs.name} is in credits`)
  const { point, mode } = prices.rounding
  if (point === 'total' && mode !== 'up') throw cannotRound(prices.name, mode)
  for (const { version, entries } of prices.document.versions) {
    for (const entry of entries) checkEntry(`${prices.name}@${version}`, entry)
  }
}

function checkEntry(version: string, entry: PriceEntry): void {
  const { service, provider, model, rounding } = entry
  const row = [version, service, provider, model].filter(Boolean).join(' ')
  if (rounding?.point === 'total' && rounding.mode !== 'up') throw cannotRound(row, rounding.mode)
  if (hasPeriods(entry)) {
    throw new InvalidOptionError(
      `${row} has a rule by period: a Farebox does not know what was used in one; use basis request, leave it out (withoutPeriods of @farebox/pricing), or rate by yourself with usedBefore`,
    )
  }
}

function cannotRound(where: string, mode: string): InvalidOptionError {
  return new InvalidOptionError(
    `${where} rounds totals ${mode}: sums of calls are rounded up; use mode up, or point resource or line`,
  )
}
