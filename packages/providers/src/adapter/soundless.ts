import { ProviderError, type ProviderErrorFacts } from '@farebox/core'
import { incomplete } from './incomplete.ts'

/**
 * The error for a speech without sound. Several providers answer so to a text of signs alone, such as "…", which says nothing
 * about their health.
 *
 * @param parameter  the provider's name of the text
 */
export function soundless(
  provider: string,
  { text, parameter, ...facts }: { text: string; parameter: string } & Pick<ProviderErrorFacts, 'usage' | 'requestId'>,
): ProviderError {
  if (/[\p{L}\p{N}]/u.test(text)) return incomplete(provider, 'the speech', facts)
  const message = `${provider} made no sound of a text without letters and digits`
  return new ProviderError(message, { provider, kind: 'unsupported', providerParameter: parameter, ...facts })
}
