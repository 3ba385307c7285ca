import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, it } from 'vitest'
import { simulatedJson } from './simulated-json.ts'

const tree = {
  type: 'object',
  properties: { name: { type: 'string' }, left: { $ref: '#/$defs/maybe' }, right: { $ref: '#/$defs/maybe' } },
}

it.each<object>([
  {},
  { type: 'object' },
  { type: 'object', additionalProperties: { type: 'number' } },
  { type: 'object', properties: { a: { type: 'integer' }, b: {} }, required: ['a', 'b', 'c'] },
  { type: ['null', 'integer'], minimum: 3, multipleOf: 5 },
  { type: 'integer', exclusiveMinimum: 4, exclusiveMaximum: 6 },
  { type: 'integer', exclusiveMaximum: -2 },
  { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
  { type: 'number', maximum: -7 },
  { type: 'string', minLength: 40 },
  { type: 'string', maxLength: 3 },
  { enum: [7, 'x'] },
  { const: null },
  { type: 'array', items: { enum: ['a', 'b'] }, minItems: 3 },
  { type: 'array', items: { type: 'string' }, maxItems: 0 },
  { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false, minItems: 2 },
  {
    anyOf: [
      { type: 'object', properties: { kind: { const: 'a' } }, required: ['kind'], additionalProperties: false },
      { type: 'null' },
    ],
  },
  {
    allOf: [{ $ref: '#/$defs/a~1b' }, { properties: { y: { type: 'boolean' } }, required: ['y'] }],
    $defs: { 'a/b': { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] } },
  },
  { properties: { constructor: { type: 'number' } }, required: ['constructor', 'toString'] },
  // One that contains itself.
  { ...tree, required: ['name', 'left', 'right'], $defs: { maybe: { anyOf: [{ $ref: '#' }, { type: 'null' }] } } },
  { type: 'object', properties: { inner: { type: 'array', items: { $ref: '#' } } }, required: ['inner'] },
])('fits %j', (schema) => {
  const value = simulatedJson(schema)
  const validate = new Ajv2020({ strict: false }).compile(schema)
  expect(validate(value) ? value : { value, errors: validate.errors }).toEqual(value)
})

it('ends also where a schema has no end, or asks for more than anybody would read', () => {
  const names = Array.from({ length: 100 }, (_, index) => `p${index}`)
  const properties = Object.fromEntries(names.map((name) => [name, { $ref: '#' }]))
  const endless: object[] = [
    { $ref: '#' },
    { allOf: Array(500).fill({ $ref: '#' }) },
    { type: 'object', properties, required: names },
    { type: 'array', minItems: 1e9, items: { type: 'string', minLength: 1e9 } },
  ]
  for (const schema of endless) expect(JSON.stringify(simulatedJson(schema)).length).toBeLessThan(10_000_000)
})
