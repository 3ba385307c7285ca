import { isRecord } from './is-record.ts'

type Keyword = [name: string, value: unknown]

const KEPT = new Set(['$ref', 'type', 'enum', 'const', 'title', 'required', 'default'])
const FORMATS = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'])
/** Rewritten below, or meaningless to a model. */
const DROPPED = new Set(['$schema', 'additionalProperties', 'description'])

/** Deeper than the schema of any answer. Deeper levels stay as they are. */
const DEPTH_MAX = 64

/**
 * Reduces a JSON Schema to what Claude accepts. It answers 400 to anything else. Closes every object, and moves what Claude does
 * not enforce (bounds, lengths, patterns) to the description, where the model reads it. An object that could hold nothing once it
 * is closed stays open, for Claude to refuse.
 *
 * @source https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export function claudeSchema(schema: unknown): unknown {
  return reduced(schema, partsIn(schema), 0)
}

/** @param parts  what stays as it is: each describes some properties of an object, and would forbid the others if closed */
function reduced(schema: unknown, parts: ReadonlySet<unknown>, depth: number): unknown {
  if (!isRecord(schema) || depth === DEPTH_MAX || parts.has(schema)) return schema
  const taken: Keyword[] = []
  const told: Keyword[] = []
  for (const keyword of Object.entries(schema)) {
    const known = isOfTuple(schema, keyword) ? undefined : takenKeyword(keyword, (inner) => reduced(inner, parts, depth + 1))
    if (known) taken.push(known)
    else if (!DROPPED.has(keyword[0])) told.push(keyword)
  }
  const rest = told.length > 0 ? JSON.stringify(Object.fromEntries(told)) : undefined
  const description = [schema.description, rest].filter(Boolean).join('\n')
  return {
    ...Object.fromEntries(taken),
    ...(description !== '' && { description }),
    ...([schema.type].flat().includes('object') &&
      !isDictionary(schema) &&
      !isInParts(schema) && { additionalProperties: false }),
  }
}

/** Whether `items` are those of a tuple, or what follows it: enforced by itself it would forbid the tuple. */
function isOfTuple({ prefixItems }: Record<string, unknown>, [name, value]: Keyword): boolean {
  return name === 'items' && (prefixItems !== undefined || Array.isArray(value))
}

/** Whether a schema is of objects with names that it does not list: without `properties`, of any. */
function isDictionary({ properties, additionalProperties, patternProperties }: Record<string, unknown>): boolean {
  const isListed = isRecord(properties) && Object.keys(properties).length > 0
  const isAny = properties === undefined && additionalProperties === undefined
  return !isListed && (isAny || additionalProperties === true || isRecord(additionalProperties) || isRecord(patternProperties))
}

/** Whether other parts of a schema list properties too, which it would forbid if closed. */
function isInParts({ $ref, allOf, anyOf, oneOf }: Record<string, unknown>): boolean {
  const parts = [allOf, anyOf, oneOf].flat()
  return $ref !== undefined || parts.some((part) => isRecord(part) && (isRecord(part.properties) || part.$ref !== undefined))
}

/** The parts of every `allOf` that describes the properties of one object in several places, also where a part refers to a definition. */
function partsIn(root: unknown): ReadonlySet<unknown> {
  const parts = new Set<unknown>()
  const visit = (schema: unknown, depth: number): void => {
    if (depth === 2 * DEPTH_MAX || typeof schema !== 'object' || schema === null) return
    for (const inner of Object.values(schema)) visit(inner, depth + 1)
    if (!isRecord(schema) || !Array.isArray(schema.allOf)) return
    const described = schema.allOf.map((part) => definitionOf(root, part)).filter(describesProperties)
    if (described.length + (isRecord(schema.properties) ? 1 : 0) > 1) for (const part of described) parts.add(part)
  }
  visit(root, 0)
  return parts
}

function describesProperties(part: unknown): boolean {
  return isRecord(part) && (isRecord(part.properties) || Array.isArray(part.allOf))
}

/** What a `$ref` into the same schema refers to, by its JSON pointer. Anything else is itself. */
function definitionOf(root: unknown, part: unknown): unknown {
  let found = part
  for (let steps = 0; steps < DEPTH_MAX && isRecord(found) && typeof found.$ref === 'string'; steps++) {
    if (!found.$ref.startsWith('#/')) return found
    let target: unknown = root
    for (const name of found.$ref.slice(2).split('/')) {
      const key = name.replaceAll('~1', '/').replaceAll('~0', '~')
      target = typeof target === 'object' && target !== null && Object.hasOwn(target, key) ? (target as never)[key] : undefined
    }
    found = target
  }
  return found
}

/** A keyword that Claude enforces, with its inner schemas reduced. `undefined` where Claude does not enforce it. */
function takenKeyword([name, value]: Keyword, inner: (schema: unknown) => unknown): Keyword | undefined {
  if (KEPT.has(name)) return [name, value]
  switch (name) {
    case 'format':
      return FORMATS.has(String(value)) ? [name, value] : undefined
    case 'minItems':
      return value === 0 || value === 1 ? [name, value] : undefined
    case 'items':
      return [name, inner(value)]
    case 'anyOf':
    case 'allOf':
      return Array.isArray(value) ? [name, value.map(inner)] : undefined
    case 'oneOf':
      return Array.isArray(value) ? ['anyOf', value.map(inner)] : undefined
    case 'properties':
    case '$defs':
    case 'definitions':
      return isRecord(value)
        ? [name, Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inner(each)]))]
        : undefined
    default:
      return undefined
  }
}
