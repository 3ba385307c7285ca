import { z } from 'zod'
import { others, requests, responses } from './components.ts'
import { examples } from './examples.ts'
import { answerHeaders, failureName, failures, headersOf, requestHeaders } from './openapi-parts.ts'
import { isOpenaiPath } from './problem-answer.ts'
import type { Route, RouteTag } from './route.ts'
import { configurationFields } from './schemas.ts'

type Json = Record<string, unknown>

const SCHEMAS = '#/components/schemas/'

const TAGS: Readonly<Record<RouteTag, string>> = {
  agents: 'Stored configurations that chat, listen, speak and place phone calls',
  workflows: 'Work under one spending ceiling and with one receipt, including work that is done outside Farebox',
  credits: 'The balance, statement, keys and budgets of an account, and the prices',
  usage: 'Where credits went, and what planned work will cost',
  admin: 'Accounts, grants, refunds, keys, budgets and exports. Requires the admin token',
  openai: 'OpenAI-compatible routes, for any OpenAI client whose base URL points here',
  operations: 'Health, provider status, metrics and this document, for operators',
}

/** The security schemes of each kind of access. Any one of them suffices. */
const SCHEMES: Readonly<Record<Route['access'], readonly string[]>> = {
  public: [],
  account: ['api_key'],
  admin: ['admin_token'],
  read: ['api_key', 'admin_token'],
  anyKey: ['api_key', 'admin_token'],
}

const ACCOUNT_ID = {
  name: 'account_id',
  in: 'query',
  required: false,
  description: 'The account to read. Required with the admin token. An API key reads its own account and must not send it',
  schema: { type: 'string' },
}

/** The OpenAPI 3.1 document of the routes, from the same schemas that check their requests and type their answers. */
export function openapiDocument(routes: readonly Route[]): Json {
  const names = new Map<z.ZodType, string>()
  const schemas = namedSchemas(names)
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route, names) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Farebox',
      version: '1',
      license: { name: 'MIT', identifier: 'MIT' },
      description:
        'Routed calls, metered in prepaid credits. Errors are RFC 9457 problems with a stable `code`; under `/v1`, they have OpenAI’s format.',
    },
    servers: [{ url: '/', description: 'The server of this document' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        api_key: { type: 'http', scheme: 'bearer', description: 'An API key of an account: fbx_…' },
        admin_token: { type: 'http', scheme: 'bearer', description: 'The admin token of the server' },
      },
      headers: answerHeaders,
      parameters: requestHeaders,
      responses: failures(),
      schemas,
    },
  }
}

/** All named schemas, with references to one another by name. Fills `names` with the name of each schema. */
function namedSchemas(names: Map<z.ZodType, string>): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries({ ...requests, ...responses, ...others })) {
    registry.add(schema, { id })
    names.set(schema, id)
  }
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `${SCHEMAS}${id}`,
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => describe(zodSchema, jsonSchema),
  })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]) => {
      const example = (examples as Json)[name]
      return [name, example === undefined ? schema : { ...schema, examples: [example] }]
    }),
  )
}

/** Adjusts the JSON Schema that Zod derives. */
function describe(zodSchema: unknown, jsonSchema: Json): void {
  if (zodSchema === configurationFields) {
    for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
    jsonSchema.$ref = `${SCHEMAS}ServiceConfigurationFields`
  }
  // A time's pattern fills half a page, and its format says the same.
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
}

function schemaOf(schema: z.ZodType, names: Map<z.ZodType, string>): Json {
  const name = names.get(schema)
  if (name !== undefined) return { $ref: `${SCHEMAS}${name}` }
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => describe(zodSchema, jsonSchema),
  })
  return json
}

function operation(route: Route, names: Map<z.ZodType, string>): Json {
  const { path, operationId, tag, summary, access, status = 200 } = route
  const description = status === 201 ? 'Created' : 'Success'
  return {
    operationId,
    tags: [tag],
    summary,
    parameters: parametersOf(route, names),
    security: SCHEMES[access].map((scheme) => ({ [scheme]: [] })),
    ...bodyOf(route, names),
    responses: {
      [status]: { description, headers: headersOf(route), content: contentOf(route, names) },
      ...Object.fromEntries(
        statusesOf(route).map((failed) => [failed, { $ref: `#/components/responses/${failureName(failed, path)}` }]),
      ),
    },
  }
}

/** The statuses with which a route may fail, derived from its definition. */
function statusesOf({ path, method, access, query, changesNothing, fails = [] }: Route): number[] {
  const statuses = new Set([429, 500, 503, 504, ...fails])
  if (access !== 'public') statuses.add(401)
  if (path.includes(':') || access === 'read') statuses.add(404)
  if (query || path.includes(':') || access === 'read') statuses.add(422)
  if (method === 'post') for (const status of [400, 413, 415, 422]) statuses.add(status)
  if (method === 'post' && !changesNothing) statuses.add(409)
  return [...statuses].sort((a, b) => a - b)
}

function parametersOf({ path, method, query, access, changesNothing }: Route, names: Map<z.ZodType, string>): Json[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const { properties = {} } = query ? (schemaOf(query, names) as { properties?: Record<string, Json> }) : {}
  const inQuery = Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }))
  const inHeaders = Object.keys(requestHeaders)
    .filter((name) =>
      name === 'IdempotencyKey' ? method === 'post' && !changesNothing : method === 'post' && isOpenaiPath(path),
    )
    .map((name) => ({ $ref: `#/components/parameters/${name}` }))
  return [...inPath, ...inQuery, ...(access === 'read' ? [ACCOUNT_ID] : []), ...inHeaders]
}

function bodyOf({ body, form }: Route, names: Map<z.ZodType, string>): Json {
  if (body) {
    const required = !body.safeParse({}).success
    return { requestBody: { required, content: { 'application/json': { schema: schemaOf(body, names) } } } }
  }
  if (!form) return {}
  const fields = schemaOf(form.fields, names) as { properties?: Json; required?: string[] }
  const schema = {
    ...fields,
    properties: { [form.file]: { type: 'string', format: 'binary' }, ...fields.properties },
    required: [form.file, ...(fields.required ?? [])],
  }
  const raw = form.raw === undefined ? {} : { [form.raw]: { schema: { type: 'string', format: 'binary' } } }
  return { requestBody: { required: true, content: { 'multipart/form-data': { schema }, ...raw } } }
}

function contentOf({ answer, streams = {} }: Route, names: Map<z.ZodType, string>): Json {
  const kinds = Object.entries(streams).map(([type, description]) => [type, { schema: { type: 'string', description } }])
  const isJson = answer.def.type !== 'never'
  return { ...(isJson && { 'application/json': { schema: schemaOf(answer, names) } }), ...Object.fromEntries(kinds) }
}
