import { openaiError } from './openai-error.ts'
import { type Problem, problemHeaders } from './problem.ts'

/** Whether a path is one of the OpenAI-compatible routes. */
export function isOpenaiPath(path: string): boolean {
  return path.startsWith('/v1/')
}

/**
 * The answer with a problem: in OpenAI's format on the paths of its clients, otherwise as a problem document.
 *
 * @param headers  sent in addition to the problem's own
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
      // OpenAI's SDK retries every 409 and 5xx unless this header says not to.
      'x-should-retry': String(problem.retry_after !== undefined),
    },
  })
}
