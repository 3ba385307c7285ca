import { InvalidInputError } from '@farebox/ledger'
import { expect, it } from 'vitest'
import { checkCall, checkPlanned } from './known-calls.ts'

const messages = [{ role: 'user', content: 'Hello' }]

it('names a misspelt field of a call and the one that was probably meant', () => {
  expect(() => checkCall('chat', { messages, outputTokenMax: 5 } as never)).toThrow(InvalidInputError)
  expect(() => checkCall('chat', { messages, outputTokenMax: 5 } as never)).toThrow(
    /^outputTokenMax is no field of a workflow's chat; known are provider, .*\. Did you mean outputTokensMax\?$/,
  )
  expect(() => checkCall('record', { idempotency_key: 'k' } as never)).toThrow(/Did you mean idempotencyKey\?$/)
})

it('says what chooses the model of a call, which other libraries call model', () => {
  expect(() => checkCall('chat', { messages, model: 'gpt-4o' } as never)).toThrow(
    /^model is no field of a workflow's chat: to choose who serves it, give provider the name in the price book, such as gpt-4o or openai-tts$/,
  )
  expect(() => checkCall('embed', { inputs: ['Hello'], model: 'x' } as never)).toThrow(/give provider the name/)
  expect(() => checkCall('chat', { messages, model: undefined } as never)).not.toThrow()
  expect(() => checkCall('record', { model: 'x' })).not.toThrow()
})

it('names a misspelt field of planned calls', () => {
  expect(() => checkPlanned({ cat: { messages } } as never)).toThrow(/^cat is no field of a workflow's estimate/)
  expect(() => checkPlanned({ speak: { text: 'Hello', voise: 'x' } } as never)).toThrow(/^voise is no field/)
  expect(() => checkPlanned({ chat: { messages }, call: { durationSecondsMax: 60 } } as never)).not.toThrow()
})
