import { type Availability, type Clock, ProviderError, systemClock } from '@farebox/core'

/** What every method of an adapter needs to reach its provider. */
export interface SdkConnection<Client> {
  /** The adapter's name, for errors. */
  name: string
  /** Tells the time that an HTTP date in `retry-after` is compared with. */
  now: Clock
  /** @throws {ProviderError} `authentication` when disabled, `unsupported` when the SDK is not installed */
  client(): Promise<Client>
}

export interface SdkConnectionOptions<Client> {
  name: string
  availability: Availability
  /** The SDK's package and the range that fits, for whoever has not installed it: `openai (^6.30 or ^7)`. */
  needs: string
  /** The host's own client. */
  client?: Client
  /** Imports the SDK and makes a client, at the first call. */
  load: () => Promise<Client>
  now?: Clock
}

/** Reaches a provider through the host's client, or through one that is made at the first call. */
export function connectSdk<Client>(options: SdkConnectionOptions<Client>): SdkConnection<Client> {
  const { name, availability, needs } = options
  let loading: Promise<Client> | undefined
  return {
    name,
    now: options.now ?? systemClock,
    client: async () => {
      if (options.client !== undefined) return options.client
      checkEnabled(name, availability)
      loading ??= importSdk(name, needs, options.load).catch((error: unknown) => {
        loading = undefined
        throw error
      })
      return loading
    },
  }
}

/** @throws {ProviderError} `authentication`: what the provider needs was not given */
export function checkEnabled(name: string, availability: Availability): void {
  if (availability.status === 'ready') return
  throw new ProviderError(`${name} is disabled: ${availability.reason}`, { provider: name, kind: 'authentication' })
}

/**
 * Loads what an SDK is needed for.
 *
 * @param needs  packages and the ranges that fit, for whoever has not installed them: `"openai" (^6.30 or ^7)`
 * @throws {ProviderError} `unsupported`: it is not installed
 */
export async function importSdk<Loaded>(name: string, needs: string, load: () => Promise<Loaded>): Promise<Loaded> {
  try {
    return await load()
  } catch (error) {
    if (!isMissingModule(error)) throw error
    const message = `${name} needs the package ${needs}: install it, or pass a client of your own`
    throw new ProviderError(message, { provider: name, kind: 'unsupported', cause: error })
  }
}

/** Catches an import where it stands, and throws it on: so a bundler goes on where a package is not installed that a program can do without. */
export function passOn(error: unknown): never {
  throw error
}

/** Ready with the host's client, or where all that is needed was given; `reason` says what to do where it was not. */
export function availabilityOf(given: {
  client?: unknown
  secrets: readonly (string | undefined)[]
  reason: string
}): Availability {
  const isComplete = given.secrets.every((secret) => secret !== undefined && secret.trim() !== '')
  return given.client !== undefined || isComplete ? { status: 'ready' } : { status: 'disabled', reason: given.reason }
}

function isMissingModule(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
