import { InvalidOptionError } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'
import { type Answer, headerOf } from '../adapter/read-body.ts'
import type { OpenaiClientOptions, OpenaiRequestOptions, OpenaiResource, OpenaiTexts } from './openai-client.ts'

/**
 * Replaces the SDK's client for chats and embeddings with `fetch` alone: it posts a body as JSON and returns the answer. The SDK
 * costs three times as much as the request itself, mostly for features that the adapter does not use: retries, timeouts, logs,
 * and headers that describe the caller's machine.
 *
 * @throws {InvalidOptionError} `baseURL` is not an absolute URL
 */
export function fetchTexts({ baseURL, fetch }: Pick<OpenaiClientOptions, 'baseURL' | 'fetch'>): Required<OpenaiTexts> {
  const at = (path: string) => new FetchResource(urlOf(baseURL, path), fetch)
  return { chat: { completions: at('/chat/completions') }, responses: at('/responses'), embeddings: at('/embeddings') }
}

/** Appends `path` but keeps the query, in which some servers expect their version. */
function urlOf(baseURL: string, path: string): URL {
  // The error does not quote the URL, which may contain a password.
  if (!URL.canParse(baseURL)) throw new InvalidOptionError('openai({ baseURL }) must be an absolute URL')
  const url = new URL(baseURL)
  url.pathname = url.pathname.replace(/\/*$/, path)
  return url
}

class FetchResource implements OpenaiResource {
  readonly #url: URL
  readonly #fetch: typeof globalThis.fetch | undefined

  constructor(url: URL, fetch: typeof globalThis.fetch | undefined) {
    this.#url = url
    this.#fetch = fetch
  }

  /** As the SDK's promise has it: the response before its body was read, and its body with the request's id. */
  create(body: object, options: OpenaiRequestOptions = {}) {
    const response = this.#post(body, options)
    return Object.assign(response, {
      asResponse: () => response,
      withResponse: async () => {
        const answer = await response
        return { data: await answer.json(), request_id: headerOf(answer, 'x-request-id') }
      },
    })
  }

  async #post(body: object, { headers = {}, signal }: OpenaiRequestOptions): Promise<Answer> {
    const sent: Record<string, string> = { ...COMMON_HEADERS }
    for (const [name, value] of Object.entries(headers)) if (value !== null) sent[name] = value
    // Asked for at each request, so that what replaces the global one is obeyed.
    const { fetch = globalThis.fetch } = { fetch: this.#fetch }
    const answer: Answer = await fetch(this.#url, { method: 'POST', headers: sent, body: JSON.stringify(body), signal })
    if (!answer.ok) throw await failureOf(answer)
    return answer
  }
}

const COMMON_HEADERS = { 'content-type': 'application/json', accept: 'application/json', 'user-agent': 'farebox' }

/** What the SDK would throw: it says the same, and is read by the same code. */
async function failureOf(answer: Answer): Promise<Error> {
  // What the status says counts also where the rest of the answer is lost.
  const error = errorOf(await answer.text().catch(() => ''))
  const { code, type, param } = asRecord(error) ?? {}
  const { status, headers } = answer
  const facts = { status, headers, requestID: headerOf(answer, 'x-request-id'), error, code, type, param }
  return Object.assign(new Error(`the provider answered ${status}`), facts)
}

function errorOf(text: string): unknown {
  try {
    const body = asRecord(JSON.parse(text))
    // Some servers leave the envelope out.
    return body?.error ?? body
  } catch {
    // A proxy on the way answers with a page.
    return undefined
  }
}
