import { statusOfCode, titleOfStatus } from './problem.ts'
import { isOpenaiPath } from './problem-answer.ts'

type Json = Record<string, unknown>

const text = { type: 'string' }
const whole = { type: 'integer' }

/** The headers that requests may carry, as parameters of the document. */
export const requestHeaders = {
  IdempotencyKey: inHeader('Idempotency-Key', 'Makes a request happen once, however often it is sent', {
    type: 'string',
    minLength: 1,
    maxLength: 180,
  }),
  Workflow: inHeader('x-farebox-workflow', 'The name that breakdowns count it under', text),
  WorkflowId: inHeader('x-farebox-workflow-id', 'An open workflow of the account, which it joins', text),
  Configuration: inHeader(
    'x-farebox-configuration',
    'A preset, a business adapter, an agent, or fields of a service configuration as JSON',
    text,
  ),
  Metadata: inHeader('x-farebox-metadata', 'What conditions look at: JSON, or tier=free, region=eu', text),
  MaxCredits: inHeader('x-farebox-max-credits', 'The most that its workflow may cost', text),
} as const

/** The headers of answers. */
export const answerHeaders = {
  'Idempotency-Replayed': header('Present where the first answer under the idempotency key was given again', {
    type: 'string',
    const: 'true',
  }),
  RateLimit: header('What is left of the limit of this key: "requests";r=59;t=60', text),
  'RateLimit-Policy': header('The limit of this key: "requests";q=60;w=60', text),
  'Retry-After': header('Seconds after which it may be tried again', whole),
  'WWW-Authenticate': header('How to say who is asking', text),
  'x-farebox-workflow-id': header('The workflow in which it was answered', text),
  'x-farebox-provider': header('Who answered, by its wire name', text),
  'x-farebox-credits-used': header('Whole credits; absent where the answer is a stream', whole),
  'x-farebox-balance': header('Whole credits that the account has left', whole),
  'x-request-id': header('What the request is called: as its x-request-id said, or by a name of ours', text),
  'x-should-retry': header('Whether it may be asked again, for OpenAI’s clients, which would after every 409 and 5xx', {
    type: 'string',
    enum: ['true', 'false'],
  }),
  'Content-Disposition': header('The name for the file that it is', text),
  'x-farebox-simulated': header('Present where a simulated provider made it up', { type: 'string', const: 'true' }),
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
