import { ProviderError } from '@farebox/core'
import { passOn, type SdkConnection } from '../adapter/sdk-connection.ts'

/** The options of an SDK method, besides its body. */
export interface OpenaiRequestOptions {
  signal?: AbortSignal
  maxRetries?: number
  headers?: Record<string, string | null>
}

/**
 * The part of the SDK's client that the adapter uses. `new OpenAI()` of `openai` 6.30 or later and 7 fits, and so does a wrapper
 * that traces its calls.
 */
export interface OpenaiClient {
  chat: { completions: OpenaiResource }
  audio: { transcriptions: OpenaiResource; speech: OpenaiResource }
  /** For embeddings. */
  embeddings?: OpenaiResource
  /** For chats over the Responses API. */
  responses?: OpenaiResource
  /** For conversations: the key with which the SDK opens their websocket, at `baseURL`. */
  apiKey?: unknown
  baseURL?: string
}

/** One of the client's API resources. */
export interface OpenaiResource {
  create(body: object, options?: OpenaiRequestOptions): PromiseLike<unknown>
}

/**
 * Checks that the client has a resource that a method needs.
 *
 * @throws {ProviderError} `unsupported`: the host's own client lacks it
 */
export function resource(
  { name }: Pick<OpenaiConnection, 'name'>,
  part: OpenaiResource | undefined,
  partName: string,
): OpenaiResource {
  if (part) return part
  throw new ProviderError(`the client that ${name} was given has no ${partName}`, { provider: name, kind: 'unsupported' })
}

/** The resources with JSON requests and answers, for which a `fetch` is enough. */
export type OpenaiTexts = Pick<OpenaiClient, 'chat' | 'responses' | 'embeddings'>

/** What every method of the adapter needs to reach the provider. */
export interface OpenaiConnection extends SdkConnection<OpenaiClient> {
  /** Like `client`, but only for chats and embeddings. */
  texts(): Promise<OpenaiTexts>
  /** Headers of each request, which override those that the client took from the environment. */
  headers: Record<string, string | null>
  /** How to open websockets. */
  realtime: {
    /** Options for `ws`. */
    websocket?: OpenaiWebsocketOptions
    /** The session's address and key. @defaultValue those of the host's own client */
    target?: Pick<OpenaiClient, 'apiKey' | 'baseURL'>
  }
}

/**
 * Options for the package `ws`, for conversations only. The SDK always connects by `wss:`, whatever the base URL says. `ca`
 * trusts your own certificate, `agent` uses a proxy, and `createConnection: () => net.connect(port, host)` skips encryption.
 */
export interface OpenaiWebsocketOptions {
  headers?: Record<string, string>
  [option: string]: unknown
}

/** The settings of a client that the adapter makes. */
export interface OpenaiClientOptions {
  apiKey: string
  baseURL: string
  organization: string | null
  project: string | null
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK and makes a client that the environment cannot redirect: it sets every value that the SDK would otherwise look up
 * there, some to `null`. Retries are off, because the router retries. The log is off, because it would print.
 */
export async function loadOpenaiClient(options: OpenaiClientOptions): Promise<OpenaiClient> {
  const sdk = await importOpenai()
  const address = addressOf(options.baseURL)
  return new sdk.OpenAI({ ...options, ...address, adminAPIKey: null, webhookSecret: null, maxRetries: 0, logLevel: 'off' })
}

/** Sets the query of the address apart: SDK 6 would put the path of each request behind it. */
function addressOf(baseURL: string): { baseURL: string; defaultQuery?: Record<string, string> } {
  const url = URL.canParse(baseURL) ? new URL(baseURL) : undefined
  if (!url?.search) return { baseURL }
  const defaultQuery = Object.fromEntries(url.searchParams)
  url.search = ''
  return { baseURL: url.href, defaultQuery }
}

async function importOpenai(): Promise<typeof import('openai')> {
  try {
    return await import('openai')
  } catch (error) {
    return passOn(error)
  }
}

/** Headers that undo `OPENAI_CUSTOM_HEADERS`, the only setting that the SDK always takes from the environment. */
export function pinnedHeaders(
  options: Pick<OpenaiClientOptions, 'apiKey' | 'organization' | 'project'>,
): Record<string, string | null> {
  return {
    Authorization: `Bearer ${options.apiKey}`,
    'OpenAI-Organization': options.organization,
    'OpenAI-Project': options.project,
  }
}
