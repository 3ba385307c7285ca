import type { Credits } from '@farebox/core'
import { keyPermission } from '@farebox/ledger'
import type { ServiceConfiguration } from '@farebox/router'
import type { Payer } from './hold-route.ts'
import type { SpentReason } from './workflow-calls.ts'

/** The most that a request may cost, and whether the configuration or the key sets this limit. For live work, from beginning to end. */
export interface RequestLimit {
  amount: Credits
  reason: Exclude<SpentReason, 'credits'>
}

/** The lower of two limits per request: the configuration's, and the API key's for this provider. `undefined`: there is none. */
export function requestLimit(
  { apiKey }: Pick<Payer, 'apiKey'>,
  { maxCreditsPerRequest }: ServiceConfiguration,
  { service, provider }: { service: string; provider: string },
): RequestLimit | undefined {
  const ofKey = (apiKey && keyPermission(apiKey, service, provider)?.costLimitPerRequest) ?? null
  if (ofKey !== null && (maxCreditsPerRequest === null || ofKey < maxCreditsPerRequest)) {
    return { amount: ofKey, reason: 'key_limit' }
  }
  return maxCreditsPerRequest === null ? undefined : { amount: maxCreditsPerRequest, reason: 'request_limit' }
}
