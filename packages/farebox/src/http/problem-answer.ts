import { openaiError } from './openai-error.ts'
import { type Problem, problemHeaders } from './problem.ts'

/** Paths of the OpenAI-compatible routes. */
export function isOpenaiPath(path: string): boolean {
  return path.startsWith('/v1/')
}

/**
 * The answer that a problem becomes at a path: as OpenAI words it where its clients ask, else as it is.
 *
 * @param headers  sent beside the problem's own
 */
export function problemAnswer(problem: Problem, path: string, headers: Readonly<Record<string, string>> = {}): Response {
  const { status } = problem
  const own = { ...problemHeaders(problem), ...headers }
  if (!isOpenaiPath(path)) return new Response(JSON.stringify(problem), { status, headers: own })
  return new Response(JSON.stringify(openaiError(problem)), {
    status,
    headers: {
      ...own,
      'content-type': 'application/json',
      // OpenAI's SDK asks again after every 409 and 5xx unless it is told not to.
      'x-should-retry': String(problem.retry_after !== undefined),
    },
  })
}
