import type { Dice } from '../consistency/dice.ts'

/** A part of an OpenAPI document's schemas. */
export interface Schema {
  $ref?: string
  type?: string | readonly string[]
  enum?: readonly unknown[]
  nullable?: boolean
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  additionalProperties?: Schema | boolean
  items?: Schema
  allOf?: readonly Schema[]
  anyOf?: readonly Schema[]
  oneOf?: readonly Schema[]
  minimum?: number
  maximum?: number
  minItems?: number
  maxLength?: number
  pattern?: string
  format?: string
}

const ODD = ['', ' ', '\n', '"', '\\', 'é', '😀', '\u2028', '</script>', '<|endoftext|>', 'ﷺ']
/** Below this depth, only what is required. */
const DEPTH_MAX = 9

/** Makes random values that a document's schemas allow. No two of their texts are the same, so that each can be found again. */
export class RandomBody {
  readonly #schemas: Readonly<Record<string, Schema>>
  readonly #dice: Dice
  /** The names of schemas whose branches of a union are seldom taken. */
  readonly #rare: RegExp
  #texts = 0

  constructor(schemas: Readonly<Record<string, Schema>>, { dice, rare }: { dice: Dice; rare: RegExp }) {
    this.#schemas = schemas
    this.#dice = dice
    this.#rare = rare
  }

  make(given: Schema, name = '', depth = 0): unknown {
    const dice = this.#dice
    const schema = this.#whole(given)
    if (schema.nullable && dice.chance(0.05)) return null
    if (schema.enum) return dice.pick(schema.enum)
    const branches = schema.oneOf ?? schema.anyOf
    if (branches) return this.make(this.#branch(branches), name, depth + 1)
    switch (schema.type) {
      case 'null':
        return null
      case 'boolean':
        return dice.chance(0.5)
      case 'string':
        return this.#text(schema, name)
      case 'integer':
      case 'number':
        return dice.whole(Math.max(schema.minimum ?? 1, -100), Math.min(schema.maximum ?? 100, 100))
      case 'array': {
        const least = schema.minItems ?? 1
        return Array.from({ length: dice.whole(least, least + 1) }, () => this.make(schema.items ?? {}, name, depth + 1))
      }
      default:
        return this.#object(schema, depth)
    }
  }

  #object({ properties = {}, required = [], additionalProperties }: Schema, depth: number): Record<string, unknown> {
    const fields = Object.entries(properties)
      .filter(([name]) => required.includes(name) || (depth < DEPTH_MAX && this.#dice.chance(0.2)))
      .map(([name, schema]): [string, unknown] => [name, this.make(schema, name, depth + 1)])
    if (typeof additionalProperties === 'object' && this.#dice.chance(0.5)) {
      fields.push([`field_${this.#texts++}`, this.make(additionalProperties, '', depth + 1)])
    }
    return Object.fromEntries(fields)
  }

  #text({ pattern, format, maxLength = 100 }: Schema, name: string): string {
    const unique = `${this.#texts++}`
    if (format === 'uri' || name.endsWith('url')) return `https://example.com/${unique}.png`
    if (pattern !== undefined || name === 'name') return `name_${unique}`
    return `text ${unique}${this.#dice.chance(0.3) ? this.#dice.pick(ODD) : ''}`.slice(0, maxLength)
  }

  #branch(branches: readonly Schema[]): Schema {
    const usual = branches.filter(({ $ref = '' }) => !this.#rare.test($ref.split('/').at(-1) ?? ''))
    return this.#dice.pick(usual.length === 0 || this.#dice.chance(0.05) ? branches : usual)
  }

  /** A schema without references and sums at its top. */
  #whole(schema: Schema): Schema {
    if (schema.$ref !== undefined) return this.#whole(this.#schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
    if (!schema.allOf) return schema
    const parts = schema.allOf.map((part) => this.#whole(part))
    return {
      type: 'object',
      properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
      required: parts.flatMap(({ required = [] }) => required),
    }
  }
}
