import { expect, test } from 'vitest'
import { InvalidInputError } from './errors.ts'
import { checkFieldNames, checkFields } from './known-fields.ts'

test('names a misspelt field, all that are known and the one that was probably meant', () => {
  const freeze = { accountId: 'a', isFrozen: true, raeson: 'fraud' }
  expect(() => checkFields('freezeAccount', freeze as never)).toThrow(
    new InvalidInputError(
      'raeson',
      'is no field of freezeAccount(); known are accountId, idempotencyKey, isFrozen, reason. Did you mean reason?',
    ),
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
    /^transation is no field of the options of grant\(\); known are transaction\. Did you mean transaction\?$/,
  )
})

test('tells where a nested field is', () => {
  expect(() => checkFieldNames({ max: 1n, time: 2 }, { max: true, times: true } as never, 'rollover', 'rollover.')).toThrow(
    /^rollover\.time is no field of rollover; known are max, times\. Did you mean times\?$/,
  )
})

test.each([null, undefined, 5, 'grant'])('names an input that is no object: %s', (input) => {
  expect(() => checkFields('grant', input as never)).toThrow('input of grant() must be an object')
})
