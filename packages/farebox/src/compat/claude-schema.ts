import { isRecord } from './is-record.ts'

type Keyword = [name: string, value: unknown]

const KEPT = new Set(['$ref', 'type', 'enum', 'const', 'title', 'required', 'default'])
const FORMATS = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'])
/** Said anew below, or of no meaning to a model. */
const DROPPED = new Set(['$schema', 'additionalProperties', 'description'])

/** No schema for an answer is as deep as this, and none is followed deeper. */
const DEPTH_MAX = 64

/**
 * A JSON Schema as Claude takes one, which answers 400 to more: every object is closed, and what is not enforced (bounds, lengths,
 * patterns) is told in the description, where the model reads it.
 *
 * @source https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export function claudeSchema(schema: unknown, depth = 0): unknown {
  if (!isRecord(schema) || depth === DEPTH_MAX) return schema
  const taken: Keyword[] = []
  const told: Keyword[] = []
  for (const keyword of Object.entries(schema)) {
    const known = takenKeyword(keyword, (inner) => claudeSchema(inner, depth + 1))
    if (known) taken.push(known)
    else if (!DROPPED.has(keyword[0])) told.push(keyword)
  }
  const rest = told.length > 0 ? JSON.stringify(Object.fromEntries(told)) : undefined
  const description = [schema.description, rest].filter(Boolean).join('\n')
  return {
    ...Object.fromEntries(taken),
    ...(description !== '' && { description }),
    ...([schema.type].flat().includes('object') && { additionalProperties: false }),
  }
}

/** A keyword that is enforced, with the schemas in it as Claude takes them. */
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
