import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

/** Says what is wrong with `value` against a schema of a specification, by its name or as a pointer (`#/paths/…`); empty when nothing is. */
export type OpenapiValidator = (schema: string, value: unknown) => string[]

/** Makes a validator out of an OpenAPI document, in YAML or JSON, or parsed. */
export function openapiValidator(given: string | object): OpenapiValidator {
  const { components, paths } = withoutDialect(typeof given === 'string' ? parse(given) : given) as {
    components: object
    paths: object
  }
  // Formats are hints in OpenAPI, and unknown keywords its extensions.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ $id: 'spec', components, paths })
  return (schema, value) => {
    const validate = ajv.getSchema(schema.startsWith('#') ? `spec${schema}` : `spec#/components/schemas/${schema}`)
    if (!validate) throw new Error(`the specification has no schema ${schema}`)
    if (validate(value)) return []
    return (validate.errors ?? []).map(({ instancePath, message }) => `${schema}${instancePath}: ${message}`)
  }
}

/** Turns what OpenAPI says in its own way into plain JSON Schema: `nullable`, examples and extensions. */
function withoutDialect(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutDialect)
  if (typeof node !== 'object' || node === null) return node
  const schema = Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== 'example' && key !== 'examples' && !key.startsWith('x-'))
      .map(([key, value]) => [key, withoutDialect(value)]),
  )
  if (schema.nullable !== true) return schema
  const { nullable: _, ...rest } = schema
  if (typeof rest.type !== 'string') return { anyOf: [rest, { type: 'null' }] }
  return { ...rest, type: [rest.type, 'null'], ...(Array.isArray(rest.enum) ? { enum: [...rest.enum, null] } : {}) }
}
