import { quantity } from '@farebox/core'
import { expect, test } from 'vitest'
import { tokenCounts } from './token-counts.ts'

test('tokens are whole, as OpenAI’s clients expect, also where an adapter counts parts of some', () => {
  const counts = tokenCounts({
    certainty: 'derived',
    quantities: [
      { meter: 'input', quantity: quantity('7.25'), unit: 'tokens' },
      { meter: 'cached_input', quantity: quantity('2.5'), unit: 'tokens' },
      { meter: 'output', quantity: quantity('3'), unit: 'tokens' },
    ],
  })
  expect(counts).toMatchObject({ input: 10, cached: 3, output: 3 })
})
