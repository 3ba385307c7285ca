import { ProviderError } from '@farebox/core'
import { passOn, type SdkConnection } from '../adapter/sdk-connection.ts'

/** What an SDK method takes beside its body. */
export interface OpenaiRequestOptions {
  signal?: AbortSignal
  maxRetries?: number
  headers?: Record<string, string | null>
}

/**
 * The slice of the SDK's client that is used: `new OpenAI()` of `openai` 6.30 or later and 7 fits, and so does a wrapper that
 * traces its calls.
 */
export interface OpenaiClient {
  chat: { completions: OpenaiResource }
  audio: { transcriptions: OpenaiResource; speech: OpenaiResource }
  /** For embeddings. */
  embeddings?: OpenaiResource
  /** For chats over the Responses API. */
  responses?: OpenaiResource
  /** For conversations: the SDK opens their websocket with what it finds here. */
  apiKey?: unknown
  baseURL?: string
}

/** A part of the SDK's client that makes requests. */
export interface OpenaiResource {
  create(body: object, options?: OpenaiRequestOptions): PromiseLike<unknown>
}

/**
 * A part of the client that a method needs.
 *
 * @throws {ProviderError} `unsupported`: the host's own client comes without it
 */
export function resource(
  { name }: Pick<OpenaiConnection, 'name'>,
  part: OpenaiResource | undefined,
  partName: string,
): OpenaiResource {
  if (part) return part
  throw new ProviderError(`the client that ${name} was given has no ${partName}`, { provider: name, kind: 'unsupported' })
}

/** What answers text with text and numbers: requests and answers are JSON, so that no more than a `fetch` is needed for them. */
export type OpenaiTexts = Pick<OpenaiClient, 'chat' | 'responses' | 'embeddings'>

/** What every method of the adapter needs to reach the provider. */
export interface OpenaiConnection extends SdkConnection<OpenaiClient> {
  /** As `client`, for texts alone. */
  texts(): Promise<OpenaiTexts>
  /** Sent with each request, above what the environment could have put into the client. */
  headers: Record<string, string | null>
  /** How websockets are opened. */
  realtime: {
    /** Options for `ws`. */
    websocket?: OpenaiWebsocketOptions
    /** Where the session is and the key to it. Absent: what the host's own client says. */
    target?: Pick<OpenaiClient, 'apiKey' | 'baseURL'>
  }
}

/**
 * Options handed to the package `ws` as they are, for conversations alone: the SDK opens them at `wss:` whatever the address says. `ca`
 * trusts a certificate of your own, `agent` goes through a proxy, `createConnection: () => net.connect(port, host)` skips the encryption.
 */
export interface OpenaiWebsocketOptions {
  headers?: Record<string, string>
  [option: string]: unknown
}

/** What a client of our own is made from. */
export interface OpenaiClientOptions {
  apiKey: string
  baseURL: string
  organization: string | null
  project: string | null
  fetch?: typeof globalThis.fetch
}

/**
 * Loads the SDK and makes a client that nothing in the environment can redirect: each value that the SDK would otherwise look up
 * there is given, `null` included. Its retries are off, because retrying is the router's, and so is its log, because it prints.
 */
export async function loadOpenaiClient(options: OpenaiClientOptions): Promise<OpenaiClient> {
  const sdk = await import('openai').catch(passOn)
  return new sdk.OpenAI({ ...options, adminAPIKey: null, webhookSecret: null, maxRetries: 0, logLevel: 'off' })
}

/** Headers that undo `OPENAI_CUSTOM_HEADERS`, the one setting that the SDK takes from the environment whatever it is given. */
export function pinnedHeaders(
  options: Pick<OpenaiClientOptions, 'apiKey' | 'organization' | 'project'>,
): Record<string, string | null> {
  return {
    Authorization: `Bearer ${options.apiKey}`,
    'OpenAI-Organization': options.organization,
    'OpenAI-Project': options.project,
  }
}
