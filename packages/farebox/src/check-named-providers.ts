import { InvalidOptionError, type ProviderAdapter, type Service } from '@farebox/core'
import { defaultPriceBook, type PriceBook } from '@farebox/pricing'
import { namedProviders, type ServiceConfiguration } from '@farebox/router'

/**
 * Refuses a configuration that names somebody whom no adapter offers and no book has a price for: misspelt, the last resort would answer
 * instead, at its own price. Whom a book knows, ours too, is left alone: presets name providers that a team need not have.
 *
 * @param option  what the message calls it
 * @throws {InvalidOptionError} names who is unknown, and for which service, and who is offered for it
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
