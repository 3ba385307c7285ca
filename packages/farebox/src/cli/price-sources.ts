import { readFile } from 'node:fs/promises'
import { InvalidOptionError } from '@farebox/core'
import type { PriceBookDocument } from '@farebox/pricing'
import {
  type GenaiProvider,
  type ImportedPrices,
  importGenaiPrices,
  importLitellm,
  importTwilioVoice,
} from '@farebox/pricing/import'
import { parseJsonFile } from './parse-json-file.ts'

/** The formats of price lists that can be read. */
export const priceFormats = ['genai', 'litellm', 'twilio'] as const
export type PriceFormat = (typeof priceFormats)[number]

/** Names the installed package `@pydantic/genai-prices` in place of a file. */
export const INSTALLED = 'installed'

const BYTES_MAX = 64 * 1024 * 1024
const FETCH_MS = 60_000

/**
 * Reads prices from a file, from an address that the caller named, or from the installed package.
 *
 * @param from     a path, an `https:` address, or {@link INSTALLED}
 * @param checked  the day on which they are read
 * @param book     a book to update: of models that several vendors sell, the prices of the vendors that it names are read
 * @throws {InvalidOptionError} there is nothing to read, or it is in another format
 */
export async function readPrices(
  format: PriceFormat,
  from: string,
  { checked, vendors, book }: { checked: string; vendors?: readonly string[]; book?: PriceBookDocument },
): Promise<ImportedPrices> {
  if (from === INSTALLED) {
    if (format !== 'genai') throw new InvalidOptionError(`${format} has no package that could be installed: name a file`)
    const { providers, version } = await installedPrices()
    const source = `npm @pydantic/genai-prices ${version}`
    return importGenaiPrices(providers, { source, checked, ...sellers(providers, vendors, book) })
  }
  const text = await readText(from)
  const source = { source: from, checked }
  switch (format) {
    case 'twilio':
      return importTwilioVoice(text, source)
    case 'litellm':
      return importLitellm(parseJsonFile(from, text), { ...source, vendors })
    case 'genai': {
      const data = parseJsonFile(from, text)
      if (!isProviders(data))
        throw new InvalidOptionError(`${from} is not the data of genai-prices, which is a list of providers`)
      return importGenaiPrices(data, { ...source, ...sellers(data, vendors, book) })
    }
  }
}

/** Whose prices to read. The vendors that a book names come first, for their models' further names too. */
function sellers(providers: readonly GenaiProvider[], vendors: readonly string[] | undefined, book?: PriceBookDocument) {
  const entries = book?.versions.at(-1)?.entries ?? []
  const named = new Map(entries.flatMap(({ provider, vendor }) => (vendor === undefined ? [] : [[provider, vendor] as const])))
  const own = new Set(named.values())
  const all = providers.map(({ id }) => id)
  return {
    vendors: vendors ?? [...all.filter((id) => own.has(id)), ...all.filter((id) => !own.has(id))],
    vendorOf: (model: string) => named.get(model),
  }
}

async function installedPrices(): Promise<{ providers: readonly GenaiProvider[]; version: string }> {
  const name = '@pydantic/genai-prices'
  try {
    const { waitForUpdate } = await import('@pydantic/genai-prices')
    const providers: unknown = await waitForUpdate()
    if (!isProviders(providers)) throw new InvalidOptionError(`the installed ${name} holds no providers`)
    return { providers, version: await versionBeside(import.meta.resolve(name)) }
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new InvalidOptionError(`${name} is not installed: npm install ${name}, or name a file`, { cause: error })
  }
}

async function versionBeside(entry: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', entry), 'utf8'))
  return String((manifest as { version?: unknown }).version)
}

/** Reads a file, or fetches what was named as an address. */
async function readText(from: string): Promise<string> {
  const url = /^[a-z][a-z0-9+.-]+:\/\//i.test(from) ? new URL(from) : undefined
  if (!url) return readFile(from, 'utf8')
  const isLocal = url.hostname === '127.0.0.1' || url.hostname === 'localhost'
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) {
    throw new InvalidOptionError(`prices are fetched over https: only, received ${url.protocol}//…`)
  }
  if (url.username || url.password) throw new InvalidOptionError('prices are fetched from an address without user and password')
  const address = `${url.origin}${url.pathname}`
  const text = await fetchText(url).catch((cause: unknown) => {
    // The error itself says only `fetch failed`.
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
    const words = reason instanceof Error ? reason.message : String(reason)
    throw new InvalidOptionError(`${address} cannot be fetched: ${words}`, { cause })
  })
  if (typeof text === 'number') throw new InvalidOptionError(`${address} answered ${text}`)
  if (text.length > BYTES_MAX) throw new InvalidOptionError(`${address} is larger than a list of prices`)
  return text
}

/** The text, or the status of an unsuccessful reply. */
async function fetchText(url: URL): Promise<string | number> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS) })
  return reply.ok ? reply.text() : reply.status
}

function isProviders(data: unknown): data is GenaiProvider[] {
  return Array.isArray(data) && data.every((one) => isNamed(one) && Array.isArray(one.models) && one.models.every(isNamed))
}

function isNamed(value: unknown): value is { id: string; models?: unknown } {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
}
