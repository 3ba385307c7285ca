import { type Credits, formatCredits } from '@farebox/core'
import { keyPermission } from '@farebox/ledger'
import type { ServiceConfiguration } from '@farebox/router'
import { RequestLimitError } from '../errors.ts'
import { overKeyLimit, type Payer } from '../hold-route.ts'
import type { SpentReason } from '../workflow-calls.ts'

/** The most that one piece of live work may cost, from its beginning to its end, and who says so. */
export interface LiveLimit {
  amount: Credits
  reason: Exclude<SpentReason, 'credits'>
}

/** The tighter of the two limits on a request: that of the configuration, and that of the API key for this provider. */
export function liveLimit(
  { apiKey }: Payer,
  { maxCreditsPerRequest }: ServiceConfiguration,
  { service, provider }: { service: string; provider: string },
): LiveLimit | undefined {
  const ofKey = (apiKey && keyPermission(apiKey, service, provider)?.costLimitPerRequest) ?? null
  if (ofKey !== null && (maxCreditsPerRequest === null || ofKey < maxCreditsPerRequest)) {
    return { amount: ofKey, reason: 'key_limit' }
  }
  return maxCreditsPerRequest === null ? undefined : { amount: maxCreditsPerRequest, reason: 'request_limit' }
}

/** The refusal of live work whose first part costs more than its limit. */
export function overLiveLimit(
  { apiKey }: Payer,
  { amount, reason }: LiveLimit,
  service: string,
  needed: Credits,
): RequestLimitError {
  if (apiKey && reason === 'key_limit') return overKeyLimit(apiKey, service, needed, amount)
  const words = `${service} may cost ${formatCredits(needed)} credits, a request may cost ${formatCredits(amount)}`
  return new RequestLimitError(words, needed, amount)
}
