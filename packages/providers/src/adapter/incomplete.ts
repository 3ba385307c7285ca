import { ProviderError, type ProviderErrorFacts } from '@farebox/core'

/** A stream ended without its closing mark; `what` names what it was to bring: `the speech`. */
export function incomplete(
  provider: string,
  what: string,
  facts: Pick<ProviderErrorFacts, 'usage' | 'requestId'> = {},
): ProviderError {
  return new ProviderError(`${provider} ended its stream without finishing ${what}`, { provider, kind: 'incomplete', ...facts })
}
