import { statusOfCode, titleOfStatus } from './problem.ts'
import { isOpenaiPath } from './problem-answer.ts'

type Json = Record<string, unknown>

const text = { type: 'string' }
const whole = { type: 'integer' }

/** The headers that requests may carry, as parameters of the document. */
export const requestHeaders = {
  IdempotencyKey: inHeader('Idempotency-Key', 'Makes the request take effect only once, however often it is sent with this key', {
    type: 'string',
    minLength: 1,
    maxLength: 180,
  }),
  Workflow: inHeader('x-farebox-workflow', 'The workflow name that breakdowns group the request under', text),
  WorkflowId: inHeader('x-farebox-workflow-id', 'The id of an open workflow of the account, which the request joins', text),
  Configuration: inHeader(
    'x-farebox-configuration',
    'How to route the request: the name of a preset or a business adapter, the id of an agent, or configuration fields as JSON',
    text,
  ),
  Metadata: inHeader(
    'x-farebox-metadata',
    'Metadata for the conditions of the configuration: JSON, or a list such as tier=free, region=eu',
    text,
  ),
  MaxCredits: inHeader('x-farebox-max-credits', 'The most credits that the workflow may cost', text),
} as const

/** The headers of answers. */
export const answerHeaders = {
  'Idempotency-Replayed': header('Present if this repeats the first answer under the same idempotency key', {
    type: 'string',
    const: 'true',
  }),
  RateLimit: header('What remains of the rate limit of this key: "requests";r=59;t=60', text),
  'RateLimit-Policy': header('The rate limit of this key: "requests";q=60;w=60', text),
  'Retry-After': header('Seconds to wait before trying again', whole),
  'WWW-Authenticate': header('The authentication scheme to use: Bearer', text),
  'x-farebox-workflow-id': header(
    'The id of the workflow that the request belongs to. On a failure, only if it was opened',
    text,
  ),
  'x-farebox-provider': header('The wire name of the provider that answered', text),
  'x-farebox-credits-used': header('What the answer cost, in whole credits. Absent if the answer is a stream', whole),
  'x-farebox-balance': header('The remaining balance of the account, in whole credits', whole),
  'x-request-id': header('The id of the request: the x-request-id that it carried, or a generated one', text),
  'x-should-retry': header('Whether a retry may help. OpenAI’s clients obey it; without it, they retry after every 409 and 5xx', {
    type: 'string',
    enum: ['true', 'false'],
  }),
  'Content-Disposition': header('The suggested name of the file', text),
  'x-farebox-simulated': header('Present if a simulated provider made up the answer', { type: 'string', const: 'true' }),
} as const

/** The headers of a route's successful answers, as references into the document. */
export function headersOf({
  path,
  method,
  access,
  changesNothing,
  isFile,
}: {
  path: string
  method: string
  access: string
  changesNothing?: boolean
  isFile?: boolean
}): Json {
  const names: (keyof typeof answerHeaders)[] = []
  if (access !== 'public' && access !== 'admin') names.push('RateLimit', 'RateLimit-Policy')
  if (method === 'post' && !changesNothing) names.push('Idempotency-Replayed')
  if (isFile) names.push('Content-Disposition')
  if (isOpenaiPath(path)) names.push('x-request-id')
  if (method === 'post' && isOpenaiPath(path)) {
    names.push(
      'x-farebox-workflow-id',
      'x-farebox-provider',
      'x-farebox-credits-used',
      'x-farebox-balance',
      'x-farebox-simulated',
    )
  }
  return references(names)
}

/** All failures as responses of the document: for each status, one as a problem and one in OpenAI's format. */
export function failures(): Json {
  const statuses = [...new Set([...Object.values(statusOfCode), 500])].sort((a, b) => a - b)
  return Object.fromEntries(
    statuses.flatMap((status) => [
      [`Problem${status}`, failure(status, 'application/problem+json', 'Problem')],
      [`Openai${status}`, failure(status, 'application/json', 'OpenaiError')],
    ]),
  )
}

/** The name of a failure in {@link failures}. */
export function failureName(status: number, path: string): string {
  return isOpenaiPath(path) ? `Openai${status}` : `Problem${status}`
}

function failure(status: number, type: string, schema: string): Json {
  const codes = Object.entries(statusOfCode).flatMap(([code, its]) => (its === status ? [code] : []))
  const names: (keyof typeof answerHeaders)[] = []
  if (status === 401) names.push('WWW-Authenticate')
  // The caller is known by then: failures count towards their limits, and one that was charged is repeated under its key.
  else names.push('RateLimit', 'RateLimit-Policy', 'Idempotency-Replayed')
  if ([409, 429, 502, 503, 504].includes(status)) names.push('Retry-After')
  if (schema === 'OpenaiError') names.push('x-request-id', 'x-should-retry')
  if (schema === 'OpenaiError' && status !== 401) names.push('x-farebox-workflow-id')
  return {
    description: codes.length > 0 ? `${titleOfStatus(status)}: ${codes.join(', ')}` : titleOfStatus(status),
    headers: references(names),
    content: { [type]: { schema: { $ref: `#/components/schemas/${schema}` } } },
  }
}

function references(names: readonly (keyof typeof answerHeaders)[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

function header(description: string, schema: Json): Json {
  return { description, schema }
}

function inHeader(name: string, description: string, schema: Json): Json {
  return { name, in: 'header', required: false, description, schema }
}
