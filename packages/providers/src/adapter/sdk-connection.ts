import { type Availability, type Clock, ProviderError, systemClock } from '@farebox/core'

/** What every method of an adapter needs to reach its provider. */
export interface SdkConnection<Client> {
  /** The adapter's name, for errors. */
  name: string
  /** The clock for HTTP dates in `retry-after`. */
  now: Clock
  /** Disabled without credentials, and once the SDK turned out not to be installed. */
  availability(): Availability
  /** @throws {ProviderError} `authentication` if the adapter is disabled, `unsupported` if the SDK is not installed */
  client(): Promise<Client>
}

export interface SdkConnectionOptions<Client> {
  name: string
  availability: Availability
  /** The SDK's package and supported versions, for the error if it is missing: `"openai" (^6.30 or ^7)`. */
  needs: string
  /** The host's own client. */
  client?: Client
  /** Imports the SDK and makes a client. Runs at the first call. */
  load: () => Promise<Client>
  now?: Clock
}

/** Connects to a provider through the host's client, or through one made at the first call. */
export function connectSdk<Client>(options: SdkConnectionOptions<Client>): SdkConnection<Client> {
  const { name, needs } = options
  let { availability } = options
  let loading: Promise<Client> | undefined
  return {
    name,
    now: options.now ?? systemClock,
    availability: () => availability,
    client: async () => {
      if (options.client !== undefined) return options.client
      checkEnabled(name, options.availability)
      loading ??= importSdk(name, needs, options.load).catch((error: unknown) => {
        loading = undefined
        if (error instanceof ProviderError && error.needs !== undefined)
          availability = { status: 'disabled', reason: `${error.message}. Then start the server again` }
        throw error
      })
      return loading
    },
  }
}

/** @throws {ProviderError} `authentication`: the adapter lacks its credentials */
export function checkEnabled(name: string, availability: Availability): void {
  if (availability.status === 'ready') return
  throw new ProviderError(`${name} is disabled: ${availability.reason}`, { provider: name, kind: 'authentication' })
}

/**
 * Runs an import of an SDK.
 *
 * @param needs  the packages and their supported versions, for the error if they are missing: `"openai" (^6.30 or ^7)`
 * @throws {ProviderError} `unsupported`: a package is not installed, or something that it imports is not
 */
export async function importSdk<Loaded>(name: string, needs: string, load: () => Promise<Loaded>): Promise<Loaded> {
  try {
    return await load()
  } catch (error) {
    if (!isMissingModule(error)) throw error
    const lacks = missingWithin(error, needs)
    const told = lacks === undefined ? needs : `${lacks}, without which ${needs} does not load`
    const message = `${name} needs the package ${told}: install it, or pass a client of your own`
    throw new ProviderError(message, { provider: name, kind: 'unsupported', needs: told, cause: error })
  }
}

/** Rethrows. An `import()` that is awaited within a `try` tells a bundler that the package is optional and may be missing. */
export function passOn(error: unknown): never {
  throw error
}

/** `ready` if there is a host's client or all secrets are set, otherwise `disabled` with `reason`, which says what to do. */
export function availabilityOf(given: {
  client?: unknown
  secrets: readonly (string | undefined)[]
  reason: string
}): Availability {
  const isComplete = given.secrets.every((secret) => Boolean(secret?.trim()))
  return given.client !== undefined || isComplete ? { status: 'ready' } : { status: 'disabled', reason: given.reason }
}

/** Vite puts a module in the place of a missing one that throws an error without a code, and ncc a `require`, which its ES modules lack. */
function isMissingModule(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code } = error as { code?: unknown }
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return true
  return /^Could not resolve "|^require is not defined/.test(messageOf(error))
}

function messageOf(error: unknown): string {
  return String((error as { message?: unknown }).message)
}

/**
 * What is missing where the SDK is installed: a package that it imports, or a file of its own or of such a package. Node tells in
 * the message what was imported and from where.
 *
 * @returns `undefined` if one of the packages in `needs` is missing, or as far as the message tells
 */
function missingWithin(error: unknown, needs: string): string | undefined {
  const imports = /^Cannot find (?:package|module) '([^']+)'(?: imported from |\nRequire stack:\n- )(.*)/
  const [, missing = '', from = ''] = imports.exec(messageOf(error)) ?? []
  const importer = packageAt(from)
  if (importer === undefined || importer === '@farebox/providers' || needs.includes(`"${missing}"`)) return undefined
  const isFile = /^(?:[./\\]|[A-Za-z]:|file:)/.test(missing)
  return isFile ? `"${packageAt(missing) ?? importer}" with all its files` : `"${missing}"`
}

/** The package that a path lies in: `@scope/name`. */
function packageAt(path: string): string | undefined {
  return /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(path)?.[1]?.replace('\\', '/')
}
