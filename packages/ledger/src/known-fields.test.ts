import { expect, test } from 'vitest'
import { InvalidInputError } from './errors.ts'
import { checkFields, checkNames } from './known-fields.ts'

test('names a misspelt field and the one that was probably meant', () => {
  const grant = { accountId: 'a', amount: 5n, expires_at: 0 }
  expect(() => checkFields('grant', grant as never)).toThrow(
    new InvalidInputError('expires_at', 'is no field of grant(). Did you mean expiresAt?'),
  )
})

test('ignores an unknown field that is undefined, and takes fields of a prototype for none', () => {
  class Grant {
    accountId = 'a'
    amount = 5n
    note = undefined
    toString() {
      return 'a grant'
    }
  }
  expect(() => checkFields('grant', new Grant() as never)).not.toThrow()
  expect(() => checkFields('grant', { accountId: 'a', amount: 5n, constructor: 1 } as never)).toThrow(/^constructor is no field/)
})

test('names the options of the call', () => {
  const grant = { accountId: 'a', amount: 5n } as never
  expect(() => checkFields('grant', grant, { transaction: {} })).not.toThrow()
  expect(() => checkFields('grant', grant, { transation: {} })).toThrow(
    /^transation is no field of the options of grant\(\)\. Did you mean transaction\?$/,
  )
})

test('tells where a nested field is', () => {
  expect(() => checkNames({ max: 1n, time: 2 }, { max: true, times: true } as never, 'rollover', 'rollover.')).toThrow(
    /^rollover\.time is no field of rollover\. Did you mean rollover\.times\?$/,
  )
})

test.each([null, undefined, 5, 'grant'])('names an input that is no object: %s', (input) => {
  expect(() => checkFields('grant', input as never)).toThrow('input of grant() must be an object')
})
