import { type Credits, formatCredits } from '@farebox/core'
import { RequestLimitError } from '../errors.ts'
import { overKeyLimit, type Payer } from '../hold-route.ts'
import type { RequestLimit } from '../request-limit.ts'

/** The error for live work whose first part costs more than its limit. */
export function overLiveLimit(
  { apiKey }: Payer,
  { amount, reason }: RequestLimit,
  service: string,
  needed: Credits,
): RequestLimitError {
  if (apiKey && reason === 'key_limit') return overKeyLimit(apiKey, service, needed, amount)
  const words = `${service} may cost ${formatCredits(needed)} credits, a request may cost ${formatCredits(amount)}`
  return new RequestLimitError(words, needed, amount)
}
