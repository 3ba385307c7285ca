const failures = new WeakMap<object, unknown>()

/** What `fetch` failed with behind an error of an SDK, by the headers that the error keeps, where its client has an {@link answeringFetch}. */
export function fetchFailure(headers: unknown): unknown {
  return typeof headers === 'object' && headers !== null ? failures.get(headers) : undefined
}

/**
 * A `fetch` that answers even when it failed. The SDKs that Fern makes stop their timer only when they get an answer: after a failure the timer
 * would keep the process from ending, for as long as the timeout is. Nor do they know a refusal whose words are lost on their way, so these are
 * read here. No redirect is followed, because a key in a header of the provider's own would go along.
 */
export function answeringFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    try {
      const answer = await fetch(input, { ...init, redirect: 'manual' })
      if (answer.ok) return answer
      const text = await answer.text().catch(() => '')
      if (answer.status < 400) return failed({ status: answer.status })
      return new Response(text, { status: answer.status, headers: answer.headers })
    } catch (error) {
      // The SDK's own timer aborts with a bare word.
      return failed(typeof error === 'string' ? new Error(error) : error)
    }
  }
}

function failed(failure: unknown): Response {
  const response = Response.error()
  failures.set(response.headers, failure)
  return response
}
