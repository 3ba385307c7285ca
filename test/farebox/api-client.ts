import type { Farebox, RoutesOptions } from 'farebox'
import { hono } from './hosts.ts'

/** What is in an answer, for tests to look into and to compare. */
export interface Json {
  readonly [field: string]: Json
}

/** An answer of the API, read. */
export interface ApiAnswer {
  status: number
  headers: Headers
  /** Parsed JSON, or the text where it is none. */
  body: Json
}

/** Asks the API of one server, with one key. */
export interface ApiClient {
  readonly url: string
  get(path: string, headers?: Record<string, string>): Promise<ApiAnswer>
  /** A plain object is sent as JSON; text, bytes and forms as they are. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>
  /** The same server with another key, or none. */
  as(key: string | undefined): ApiClient
}

export function apiClient(url: string, key: string | undefined): ApiClient {
  const authorization: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` }
  return {
    url,
    get: async (path, headers = {}) => readAnswer(await fetch(`${url}${path}`, { headers: { ...authorization, ...headers } })),
    async post(path, body, headers = {}) {
      const isJson = typeof body === 'object' && !(body instanceof FormData) && !ArrayBuffer.isView(body)
      return readAnswer(
        await fetch(`${url}${path}`, {
          method: 'POST',
          headers: { ...authorization, ...(isJson && { 'content-type': 'application/json' }), ...headers },
          body: isJson ? JSON.stringify(body) : (body as BodyInit | undefined),
        }),
      )
    },
    as: (other) => apiClient(url, other),
  }
}

/** Serves the API of a box until the test ends, where it does not matter by which host. */
export async function serveApi(box: Farebox, key?: string, options: RoutesOptions = {}): Promise<ApiClient> {
  return apiClient((await hono.serveRoutes(box, options)).url, key)
}

async function readAnswer(response: Response): Promise<ApiAnswer> {
  const text = await response.text()
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}
