import { readFileSync } from 'node:fs'
import { characterUsage, quantity, type Unit, type UsageQuantity } from '@farebox/core'
import { describe, expect, test } from 'vitest'
import type { PriceQuery } from './errors.ts'
import { bookOf, costOf } from './testing/book-of.ts'

const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const rules = [...page.matchAll(/<!-- rule -->\n```json\n(.*?)```\n\n<!-- yields -->\n```text\n(.*?)```/gs)]

describe('the rules of the README', () => {
  test('are all there', () => {
    expect(rules.length).toBe([...page.matchAll(/<!-- rule -->/g)].length)
    expect(rules.length).toBeGreaterThanOrEqual(11)
  })

  test.each(
    rules.flatMap(([, json = '', yields = '']) =>
      yields
        .trim()
        .split('\n')
        .map((line) => [line, json]),
    ),
  )('%s', (line, json) => {
    const [, usage = '', cost] = /^(.*) = (\S+)$/.exec(line) ?? []
    const { quantities, facts } = parse(usage)
    expect(costOf(bookOf(JSON.parse(json)), quantities, facts)).toBe(cost)
  })
})

/** `5 tokens of input + … after 80 tokens`, `… at <moment>`, `… with region=eu, …`, or `text "…"`. */
function parse(line: string): { quantities: UsageQuantity[]; facts: Partial<PriceQuery> } {
  const [, usage = '', what, fact = ''] = /^(.*?)(?: (after|at|with) (.*))?$/.exec(line) ?? []
  const quantities = usage.split(' + ').map(parseQuantity)
  switch (what) {
    case 'after':
      return { quantities, facts: { usedBefore: [parseQuantity(fact)] } }
    case 'at':
      return { quantities, facts: { at: Date.parse(fact) } }
    case 'with':
      return { quantities, facts: { attributes: Object.fromEntries(fact.split(', ').map((pair) => pair.split('='))) } }
    default:
      return { quantities, facts: {} }
  }
}

function parseQuantity(text: string): UsageQuantity {
  const spoken = /^text "(.*)"$/.exec(text)?.[1]
  if (spoken !== undefined) return characterUsage(spoken)
  const [, count = '', unit, meter = 'usage'] = /^(\S+) (\w+)(?: of (\w+))?$/.exec(text) ?? []
  return { meter, unit: unit as Unit, quantity: quantity(count) }
}
