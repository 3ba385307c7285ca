import { type Credits, formatCredits } from '@farebox/core'
import { keyPermission } from '@farebox/ledger'
import type { ServiceConfiguration } from '@farebox/router'
import { RequestLimitError } from '../errors.ts'
import { overKeyLimit, type Payer } from '../hold-route.ts'
import type { SpentReason } from '../workflow-calls.ts'

/** The most that live work may cost from beginning to end, and whether the configuration or the key sets this limit. */
export interface LiveLimit {
  amount: Credits
  reason: Exclude<SpentReason, 'credits'>
}

/** The lower of two limits per request: the configuration's, and the API key's for this provider. */
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

/** The error for live work whose first part costs more than its limit. */
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
