import { z } from 'zod'
import { isOpenaiPath } from './problem-answer.ts'
import type { Route } from './route.ts'

/** The OpenAPI 3.1 document of the routes, from the same schemas that check their requests. */
export function openapiDocument(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Farebox',
      version: '1',
      description:
        'Routed calls, metered in prepaid credits. Errors are RFC 9457 problems with a stable `code`; under `/v1`, as OpenAI words them.',
    },
    paths,
    components: {
      securitySchemes: {
        api_key: { type: 'http', scheme: 'bearer', description: 'An API key of an account: fbx_…' },
        admin_token: { type: 'http', scheme: 'bearer' },
      },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'code', 'detail'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { type: 'string' },
            detail: { type: 'string' },
            errors: {
              type: 'array',
              items: { type: 'object', properties: { field: { type: 'string' }, problem: { type: 'string' } } },
            },
          },
        },
        OpenaiError: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['message', 'type', 'param', 'code'],
              properties: {
                message: { type: 'string' },
                type: { type: 'string' },
                param: { type: ['string', 'null'] },
                code: { type: 'string' },
              },
            },
          },
        },
      },
    },
  }
}

/** Who may ask, by any of these. */
const schemes = {
  account: ['api_key'],
  admin: ['admin_token'],
  read: ['api_key', 'admin_token'],
  anyKey: ['api_key', 'admin_token'],
} as const

const ACCOUNT_ID = {
  name: 'account_id',
  in: 'query',
  required: false,
  description: 'The account to read. With the admin token it is required; an API key reads its own, and must not send it',
  schema: { type: 'string' },
}

function operation({ path, method, summary, access, body, query, status = 200 }: Route): Record<string, unknown> {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const queried = query
    ? (z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' }) as { properties?: Record<string, unknown> })
    : {}
  const inQuery = Object.entries(queried.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema,
  }))
  const inHeader =
    method === 'post'
      ? [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 200 } }]
      : []
  return {
    summary,
    parameters: [...inPath, ...inQuery, ...(access === 'read' ? [ACCOUNT_ID] : []), ...inHeader],
    ...(access !== 'public' && { security: schemes[access].map((scheme) => ({ [scheme]: [] })) }),
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' }) } },
      },
    }),
    responses: {
      [status]: { description: 'Success', content: { 'application/json': {} } },
      default: {
        description: 'A problem',
        content: isOpenaiPath(path)
          ? { 'application/json': { schema: { $ref: '#/components/schemas/OpenaiError' } } }
          : { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}
