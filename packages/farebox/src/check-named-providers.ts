import { InvalidOptionError, type ProviderAdapter, type Service } from '@farebox/core'
import { defaultPriceBook, type PriceBook } from '@farebox/pricing'
import { namedProviders, type ServiceConfiguration } from '@farebox/router'

/**
 * Rejects a configuration that names a provider which no adapter offers and no price book knows. If the name is a typo, the last
 * resort would answer instead, at its own price. Names that a price book knows, even the default one, are accepted: presets name
 * providers that a host need not have.
 *
 * @param option  the name of the option in the message
 * @throws {InvalidOptionError} a provider is unknown; the message names it, its service, and the providers on offer for that
 */
export function checkNamedProviders(
  { conditions, ...configuration }: ServiceConfiguration,
  { providers, prices }: { providers: readonly ProviderAdapter[]; prices: PriceBook },
  option = 'configuration',
): void {
  const offers = providers.flatMap((adapter) => adapter.offers)
  const entries = [prices, defaultPriceBook].flatMap(({ document }) => document.versions.flatMap((version) => version.entries))
  const known = new Set([...offers, ...entries].map(({ provider }) => provider))
  for (const use of [{}, ...conditions.map((condition) => condition.use)]) {
    const used = { ...configuration, ...use, conditions: [] }
    for (const service of servicesOf(used)) {
      const unknown = namedProviders(used, service).find((name) => !known.has(name))
      if (unknown === undefined) continue
      const offered = new Set(offers.filter((offer) => offer.service === service).map(({ provider }) => provider))
      const those = offered.size > 0 ? `offered are ${[...offered].join(', ')}` : 'nobody is offered'
      throw new InvalidOptionError(`${option} names ${JSON.stringify(unknown)} for ${service}, which no adapter offers: ${those}`)
    }
  }
}

function servicesOf({ fallbackProviders }: ServiceConfiguration): Service[] {
  return ['gpt', 'vision', 'voice_tts', 'voice_stt', 'phone', ...Object.keys(fallbackProviders)]
}
