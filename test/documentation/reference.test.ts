import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseDocComment } from './reference/doc-comment.ts'
import { references, staleReferences, undocumentedNames } from './reference/reference.ts'
import { membersOf, signatureOf } from './reference/signature.ts'
import { exportsOf } from './reference/source-module.ts'

it('says what the sources say: `npm run reference` writes the pages that do not', () => {
  expect(staleReferences()).toEqual([])
})

it('has a sentence for every name that a package exports: write a doc comment above those listed here', () => {
  expect(undocumentedNames()).toEqual([])
})

it('shows signatures that are TypeScript', () => {
  let count = 0
  const broken = [...references()].flatMap(([page, text]) =>
    [...text.matchAll(/^(#{4,5}) ([^\n]+)\n\n```ts\n(.*?)\n```/gms)].flatMap(([, level, name, shown = '']) => {
      count++
      const source = level === '####' ? declarationOf(shown) : `declare class X { ${shown.replace(/^new \w+/, 'constructor')} }`
      // A declaration has no defaults, which readers want to see.
      const errors = parseSync('shown.ts', source).errors.filter(({ message }) => !/initializer|implementation/i.test(message))
      return errors.map(({ message }) => `${page}, ${name}: ${message} in ${source}`)
    }),
  )
  expect(broken).toEqual([])
  expect(count).toBeGreaterThan(500)
})

describe('of a module', () => {
  let folder: string
  let file: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'farebox-reference-'))
    file = join(folder, 'index.ts')
    writeFileSync(join(folder, 'base.ts'), BASE)
    writeFileSync(file, INDEX)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const declarationOfName = (name: string) => {
    const found = exportsOf(file).find((each) => each.name === name)?.declaration
    if (!found) throw new Error(`${name} is not exported`)
    return found
  }

  it('finds what is exported, handed on and renamed, and nothing else', () => {
    expect(exportsOf(file).map(({ name }) => name)).toEqual(['Books', 'count', 'lend', 'Lent', 'Shelf'])
  })

  it('shows a function by its overloads, in one line and without its body', () => {
    expect(signatureOf(declarationOfName('count'))).toBe(
      'function count(books: number): number\nfunction count(books: string): string',
    )
    expect(signatureOf(declarationOfName('lend'))).toBe(
      'function lend({ days = 14, to }: { days?: number; to: string }): Promise<void>',
    )
  })

  it('shows members with what a base that nobody can import brings, and none that is private', () => {
    const members = membersOf(declarationOfName('Shelf'), () => false)
    expect(members.map(({ signature, isMethod }) => [signature, isMethod])).toEqual([
      ['readonly size: number', false],
      ['new Shelf(size = 10)', true],
      ['add(book: string): void', true],
      ['isOpen: boolean', false],
    ])
    expect(members.map(({ doc }) => doc?.description)).toEqual([
      'How many fit.',
      undefined,
      'Puts one in.',
      'Whether it can be used.',
    ])
  })

  it('knows a type that comes from elsewhere by the name that it has here', () => {
    expect(declarationOfName('Lent')).toMatchObject({ name: 'Loan', doc: { description: 'What is lent.' } })
  })
})

it('takes doc comments apart', () => {
  const comment = `*
 * Lends a book, for {@link Shelf.days} at most.
 *
 * | a | table |
 *
 * @param input.to  who gets it,
 *                  by name
 * @returns         when it is due
 * @throws {LentError} somebody has it; see user@throws.example
 * @defaultValue 14
 * @example
 * lend({ to: 'Ada' })
 `
  expect(parseDocComment(comment)).toEqual({
    description: 'Lends a book, for {@link Shelf.days} at most.\n\n| a | table |',
    params: [{ name: 'input.to', text: 'who gets it, by name' }],
    returns: 'when it is due',
    throws: ['{LentError} somebody has it; see user@throws.example'],
    defaultValue: '14',
    examples: ["lend({ to: 'Ada' })"],
    isInternal: false,
  })
})

/** A shown declaration as a program would have it. */
function declarationOf(shown: string): string {
  if (shown.startsWith('const'))
    return shown.includes(' = ')
      ? shown.replace(/^const (\w+) = .*$/s, 'const $1 = 0')
      : `declare ${shown.replace(/\{ .* \}$/, 'object')}`
  if (/^(?:abstract )?class|^interface/.test(shown)) return `declare ${shown} {}`
  return shown
    .split(/\n(?=function )/)
    .map((each) => (each.startsWith('function') ? `declare ${each}` : each))
    .join('\n')
}

const BASE = `
/** A shop. */
export class Shop {
  /** Whether it can be used. */
  get isOpen(): boolean {
    return true
  }
}

/** What is lent. */
export interface Loan {
  days: number
}
`

const INDEX = `
import { Shop } from './base.ts'

export type { Loan as Lent } from './base.ts'

/** Where books stand. */
export class Shelf extends Shop {
  /** How many fit. */
  readonly size: number
  readonly #books: string[] = []

  constructor(size = 10) {
    super()
    this.size = size
  }

  /** Puts one in. */
  add(book: string): void {
    this.#books.push(book)
  }

  protected sort(): void {}
}

/** Counts. */
export function count(books: number): number
export function count(books: string): string
export function count(books: number | string): number | string {
  return books
}

/** Lends. */
export async function lend({
  days = 14, // two weeks
  to,
}: {
  days?: number
  /** Who gets it. */
  to: string
}): Promise<void> {
  await Promise.resolve([days, to])
}

/** Several. */
export type Books = readonly string[]

function hidden(): void {}
hidden()
`
