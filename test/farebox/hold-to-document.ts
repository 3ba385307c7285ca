import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { Farebox } from 'farebox'

interface Referred {
  $ref?: string
}
interface Answer extends Referred {
  headers?: Record<string, Referred>
  content?: Record<string, { schema: object }>
}
interface Operation {
  responses: Record<string, Answer>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, object>
    headers: Record<string, { schema: { type: string; const?: string } }>
    responses: Record<string, Answer>
  }
}

/** What answers say to whoever carries, keeps or shows them, whatever was asked. */
const ANYWHERE = new Set([
  'cache-control',
  'content-length',
  'content-security-policy',
  'content-type',
  'referrer-policy',
  'vary',
  'x-accel-buffering',
  'x-content-type-options',
])

/** The document and its schemas, once for all boxes of a process. */
let held: Promise<Answers> | undefined

/**
 * Holds every answer of a box's API to its OpenAPI document: the route must declare the status, the headers and the kind, and JSON must be
 * of the schema, without a field that the schema does not name.
 *
 * @returns  what was found, as it is found
 */
export function holdToDocument(box: Farebox): string[] {
  const faults: string[] = []
  const routes = box.routes.bind(box)
  box.routes = (options) => {
    const handle = routes(options)
    return async (request) => {
      held ??= routes()(new Request('http://farebox.example/openapi.json')).then(
        async (answer) => new Answers(await answer.json()),
      )
      const { method, url } = request
      const response = await handle(request)
      const type = response.headers.get('content-type')?.split(';', 1)[0] ?? ''
      const operation = (await held).operation(method, new URL(url).pathname)
      if (!operation) return response
      const isJson = /\bjson$/.test(type)
      const text = isJson ? await response.text() : undefined
      const found = (await held).faultsOf(operation, { status: response.status, type, text, headers: response.headers })
      faults.push(...found.map((fault) => `${method} ${new URL(url).pathname} ${response.status}: ${fault}`))
      return text === undefined ? response : new Response(text, response)
    }
  }
  return faults
}

/** What the document allows. */
class Answers {
  readonly #document: Document
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  readonly #templates: { pattern: RegExp; parameters: number; methods: Record<string, Operation> }[]
  readonly #validators = new Map<string, ValidateFunction>()

  constructor(document: Document) {
    this.#document = document
    const schemas = closed(document.components.schemas) as Record<string, object>
    // A problem may grow facts, and then they are to be told of.
    const components = { schemas: { ...schemas, Problem: { ...schemas.Problem, additionalProperties: false } } }
    this.#ajv.addSchema({ $id: 'document', components })
    this.#templates = Object.entries(document.paths)
      .map(([path, methods]) => ({
        pattern: new RegExp(`^${path.replace(/\{\w+\}/g, path.startsWith('/v1/') ? '.+' : '[^/]+')}$`),
        parameters: path.split('{').length,
        methods,
      }))
      .sort((a, b) => a.parameters - b.parameters)
  }

  operation(method: string, path: string): Operation | undefined {
    const key = method === 'HEAD' ? 'get' : method.toLowerCase()
    return this.#templates.find(({ pattern, methods }) => pattern.test(path) && methods[key])?.methods[key]
  }

  faultsOf(
    operation: Operation,
    { status, type, text, headers }: { status: number; type: string; text: string | undefined; headers: Headers },
  ): string[] {
    const declared = operation.responses[status]
    if (!declared) return ['the route does not declare this status']
    const response = declared.$ref ? this.#document.components.responses[declared.$ref.split('/').at(-1) ?? ''] : declared
    const undeclared = this.#headerFaults(response?.headers ?? {}, headers)
    if (undeclared.length > 0) return undeclared
    const kinds = Object.entries(response?.content ?? {})
    const content = kinds.find(([kind]) => (kind.endsWith('/*') ? type.startsWith(kind.slice(0, -1)) : kind === type))?.[1]
    if (!content) return [`the route does not declare the media type ${type}`]
    if (text === undefined || text === '') return []
    const validate = this.#validator(content.schema)
    if (validate(JSON.parse(text))) return []
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }

  #headerFaults(declared: Record<string, Referred>, headers: Headers): string[] {
    const names = new Map(Object.keys(declared).map((name) => [name.toLowerCase(), name]))
    return [...headers].flatMap(([name, value]) => {
      if (ANYWHERE.has(name) || name.startsWith('access-control-')) return []
      const key = declared[names.get(name) ?? '']?.$ref?.split('/').at(-1)
      const schema = key === undefined ? undefined : this.#document.components.headers[key]?.schema
      if (!schema) return [`the route does not declare the header ${name}: ${value}`]
      const isMeant = schema.type === 'integer' ? /^-?\d+$/.test(value) : (schema.const ?? value) === value
      return isMeant ? [] : [`the header ${name} is not of its schema: ${value}`]
    })
  }

  #validator(schema: object): ValidateFunction {
    const key = JSON.stringify(schema)
    const known = this.#validators.get(key)
    if (known) return known
    const reference = key.replaceAll('"#/components', '"document#/components')
    const validate = this.#ajv.compile(closed(JSON.parse(reference)) as object)
    this.#validators.set(key, validate)
    return validate
  }
}

/** The same schemas, with no room for fields that they do not name: answers may grow, and then their schema has to. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node
  const schema = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]))
  const isObject = schema.type === 'object' && 'properties' in schema && !('additionalProperties' in schema)
  return isObject ? { ...schema, additionalProperties: false } : schema
}
