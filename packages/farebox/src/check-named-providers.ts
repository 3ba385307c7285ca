import { InvalidOptionError, type ProviderAdapter, type Service } from '@farebox/core'
import { defaultPriceBook, type PriceBook } from '@farebox/pricing'
import {
  formatServiceConfiguration,
  InvalidConfigurationError,
  type InvalidField,
  namedProviders,
  type ServiceConfiguration,
} from '@farebox/router'

/**
 * Finds names in configurations that no adapter offers and no price book knows. If the name is a typo, the last resort would
 * answer instead, at its own price. Names that a price book knows, even the default one, are accepted: presets name providers that
 * a host need not have.
 */
export class ProviderNames {
  readonly #offered: readonly { service: Service; provider: string }[]
  readonly #known: ReadonlySet<string>
  /** Configurations that need no check. A host uses the same few for all its requests. */
  readonly #checked = new WeakSet<ServiceConfiguration>()

  constructor({ providers, prices }: { providers: readonly ProviderAdapter[]; prices: PriceBook }) {
    this.#offered = providers.flatMap((adapter) => adapter.offers)
    const entries = [prices, defaultPriceBook].flatMap(({ document }) => document.versions.flatMap((version) => version.entries))
    this.#known = new Set([...this.#offered, ...entries].map(({ provider }) => provider))
  }

  /**
   * Checks a configuration of the host.
   *
   * @param option  the name of the option in the message
   * @throws {InvalidOptionError} a provider is unknown; the message names it, its service, and the providers on offer for that
   */
  check(configuration: ServiceConfiguration, option = 'configuration'): void {
    if (this.#checked.has(configuration)) return
    const unknown = this.#unknownIn(configuration)
    if (unknown) throw new InvalidOptionError(`${option} ${unknown.allowed}`)
    this.#checked.add(configuration)
  }

  /**
   * Checks a configuration of a caller of the API.
   *
   * @throws {InvalidConfigurationError} a provider is unknown
   */
  checkWire(configuration: ServiceConfiguration): void {
    const unknown = this.#unknownIn(configuration)
    if (unknown) throw new InvalidConfigurationError([unknown])
    this.#checked.add(configuration)
  }

  /** Accepts a stored configuration as it is: it may name a provider that was offered when it was made. */
  accept(configuration: ServiceConfiguration): void {
    this.#checked.add(configuration)
  }

  #unknownIn({ conditions, ...configuration }: ServiceConfiguration): InvalidField | undefined {
    for (const [index, use] of [{}, ...conditions.map((condition) => condition.use)].entries()) {
      const used = { ...configuration, ...use, conditions: [] }
      for (const service of servicesOf(used)) {
        const unknown = namedProviders(used, service).find((name) => !this.#known.has(name))
        if (unknown === undefined) continue
        const offered = new Set(this.#offered.filter((offer) => offer.service === service).map(({ provider }) => provider))
        const those = offered.size > 0 ? `offered are ${[...offered].join(', ')}` : 'nobody is offered'
        const field = fieldOf(used, unknown)
        return {
          field: index === 0 ? field : `conditions.${index - 1}.use.${field}`,
          allowed: `names ${JSON.stringify(unknown)} for ${service}, which no adapter offers: ${those}`,
        }
      }
    }
    return undefined
  }
}

function servicesOf({ fallbackProviders }: ServiceConfiguration): Service[] {
  return ['gpt', 'vision', 'voice_tts', 'voice_stt', 'phone', ...Object.keys(fallbackProviders)]
}

/** The wire name of the field that holds a provider's name. */
function fieldOf(configuration: ServiceConfiguration, provider: string): string {
  const fields = Object.entries(formatServiceConfiguration(configuration))
  return fields.find(([, value]) => value === provider)?.[0] ?? 'fallback_providers'
}
