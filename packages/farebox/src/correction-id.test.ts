import { expect, test } from 'vitest'
import { correctionIdOf } from './correction-id.ts'

test('a correction is named after what it corrects, and long names make other ids, which are as long as an id may be', () => {
  expect(correctionIdOf('refund', 'u')).toBe('refund:u')
  expect(correctionIdOf('reconciled', 'u', 5n, '', '1')).toBe('reconciled:u:5::1')
  const long = 'x'.repeat(193)
  expect(correctionIdOf('refund', long)).toBe(`refund:${long}`)
  const ids = ['a', 'b', '😀'].map((end) => correctionIdOf('refund', `${long}${end}`))
  expect(new Set(ids).size).toBe(3)
  for (const id of ids) expect(id).toMatch(/^refund:sha256:[0-9a-f]{64}$/)
})
