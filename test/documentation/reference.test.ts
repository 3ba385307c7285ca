import { expect, it } from 'vitest'
import { staleReferences, undocumentedNames } from './reference/reference.ts'

it('says what the sources say: `npm run reference` writes the pages that do not', () => {
  expect(staleReferences()).toEqual([])
})

it('has a sentence for every name that a package exports: write a doc comment above those listed here', () => {
  expect(undocumentedNames()).toEqual([])
})
