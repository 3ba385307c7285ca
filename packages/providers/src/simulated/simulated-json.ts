import { asRecord } from '../adapter/answer.ts'

type Schema = Record<string, unknown>

/** From here on, only what a schema requires: it may contain itself. */
const FULL_DEPTH_MAX = 6
const FULL_VALUES_MAX = 500
/** What is beyond is `null`, whatever the schema says: it may require itself without an end. */
const DEPTH_MAX = 40
const VALUES_MAX = 5_000
const CHARACTERS_MAX = 1_000

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  duration: 'P1D',
  email: 'ada@example.com',
  hostname: 'example.com',
  uri: 'https://example.com/',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uuid: '00000000-0000-4000-8000-000000000000',
}

/** A value that fits a JSON Schema. Patterns are not followed, and of several forms it has the first. */
export function simulatedJson(schema: unknown): unknown {
  return new JsonMaker(schema).make(schema, 'value', 0)
}

class JsonMaker {
  readonly #root: unknown
  #values = 0

  constructor(root: unknown) {
    this.#root = root
  }

  make(given: unknown, name: string, depth: number): unknown {
    this.#values += 1
    if (depth > DEPTH_MAX || this.#values > VALUES_MAX) return null
    const isFull = depth < FULL_DEPTH_MAX && this.#values < FULL_VALUES_MAX
    const schema = this.#flat(given, isFull, 0)
    if (schema.const !== undefined) return schema.const
    if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[0]
    switch (typeOf(schema)) {
      case 'object':
        return this.#object(schema, isFull, depth)
      case 'array':
        return this.#list(schema, name, isFull, depth)
      case 'integer':
      case 'number':
        return numberFor(schema)
      case 'boolean':
        return true
      case 'null':
        return null
      default:
        return textFor(schema, name)
    }
  }

  #object(schema: Schema, isFull: boolean, depth: number): unknown {
    const properties = asRecord(schema.properties) ?? {}
    const required = Array.isArray(schema.required) ? schema.required.map(String) : []
    const names = new Set(isFull ? [...Object.keys(properties), ...required] : required)
    const entries: [string, unknown][] = []
    for (const name of names) {
      if (this.#values > VALUES_MAX) break
      const inner = Object.hasOwn(properties, name) ? properties[name] : (asRecord(schema.additionalProperties) ?? {})
      entries.push([name, this.make(inner, name, depth + 1)])
    }
    return Object.fromEntries(entries)
  }

  #list(schema: Schema, name: string, isFull: boolean, depth: number): unknown[] {
    const first = [schema.prefixItems, schema.items].find(Array.isArray) ?? []
    const most = numberOf(schema.maxItems) ?? Number.POSITIVE_INFINITY
    const least = Math.max(numberOf(schema.minItems) ?? 0, first.length, isFull && schema.items !== false ? 1 : 0)
    const list: unknown[] = []
    while (list.length < Math.min(least, most) && this.#values <= VALUES_MAX) {
      const inner = list.length < first.length ? first[list.length] : schema.items
      list.push(this.make(inner, name, depth + 1))
    }
    return list
  }

  /** A schema with what it refers to, all its parts, and one of its alternatives. */
  #flat(given: unknown, isFull: boolean, steps: number): Schema {
    const { $ref, allOf, anyOf, oneOf, ...own } = asRecord(given) ?? {}
    this.#values += 1
    if (steps > DEPTH_MAX || this.#values > VALUES_MAX) return own
    const forms = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) && list.length > 0 ? [list] : []))
    const parts = [
      ...(typeof $ref === 'string' ? [this.#definition($ref)] : []),
      ...(Array.isArray(allOf) ? allOf.slice(0, FULL_VALUES_MAX) : []),
      ...forms.map((list) => (isFull ? list[0] : (list.find(isPlain) ?? list[0]))),
    ]
    let all: Schema = own
    for (const part of parts) all = merged(this.#flat(part, isFull, steps + 1), all)
    return all
  }

  #definition(pointer: string): unknown {
    let found: unknown = pointer.startsWith('#') ? this.#root : {}
    for (const name of pointer.split('/').slice(1)) {
      const key = name.replaceAll('~1', '/').replaceAll('~0', '~')
      found = typeof found === 'object' && found !== null && Object.hasOwn(found, key) ? (found as Schema)[key] : undefined
    }
    return found
  }
}

function merged(one: Schema, other: Schema): Schema {
  const properties = { ...asRecord(one.properties), ...asRecord(other.properties) }
  const required = [one.required, other.required].flatMap((names) => (Array.isArray(names) ? names : []))
  return { ...one, ...other, properties, required }
}

/** Whether a form holds no others, so that a schema that contains itself ends there. */
function isPlain(schema: unknown): boolean {
  return ['null', 'string', 'number', 'integer', 'boolean'].includes(String(asRecord(schema)?.type))
}

function typeOf({ type, properties, required, items, prefixItems }: Schema): unknown {
  if (Array.isArray(type)) return type.find((each) => each !== 'null') ?? 'null'
  if (type !== undefined) return type
  if (Object.keys(asRecord(properties) ?? {}).length > 0 || (Array.isArray(required) && required.length > 0)) return 'object'
  return items !== undefined || prefixItems !== undefined ? 'array' : 'string'
}

function textFor({ format, minLength, maxLength }: Schema, name: string): string {
  const known = typeof format === 'string' && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  const text = known ?? `a simulated ${name}`
  const least = Math.min(numberOf(minLength) ?? 0, CHARACTERS_MAX)
  return text.padEnd(least, '.').slice(0, numberOf(maxLength) ?? CHARACTERS_MAX)
}

function numberFor({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: Schema): number {
  const [above, below] = [numberOf(exclusiveMinimum), numberOf(exclusiveMaximum)]
  const least = greatest([numberOf(minimum), above])
  const most = greatest([numberOf(maximum), below].map((each) => (each === undefined ? undefined : -each)))
  const high = most === undefined ? undefined : -most
  const step = numberOf(multipleOf) ?? (type === 'integer' || [type].flat().includes('integer') ? 1 : undefined)
  if (step === undefined || step <= 0) {
    if (least !== undefined && high !== undefined) return (least + high) / 2
    return least === undefined ? Math.min(1, (high ?? 2) - 1) : least + 1
  }
  if (least === undefined) {
    const lowered = Math.floor(Math.min(high ?? step, step) / step) * step
    return lowered === below ? lowered - step : lowered
  }
  const raised = Math.ceil(least / step) * step
  return raised === above ? raised + step : raised
}

function greatest(numbers: readonly (number | undefined)[]): number | undefined {
  const given = numbers.filter((each) => each !== undefined)
  return given.length === 0 ? undefined : Math.max(...given)
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
