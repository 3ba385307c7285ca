import { ProviderError, type ProviderErrorFacts } from '@farebox/core'

/** The error for a stream that ended without its closing mark. `what` names its content: `the speech`. */
export function incomplete(
  provider: string,
  what: string,
  facts: Pick<ProviderErrorFacts, 'usage' | 'requestId'> = {},
): ProviderError {
  return new ProviderError(`${provider} ended its stream without finishing ${what}`, { provider, kind: 'incomplete', ...facts })
}
