import type { ChatMessage, PhoneRequest } from '@farebox/core'
import { InvalidInputError } from '@farebox/ledger'
import type { PhoneInput } from './workflow-calls.ts'

/** The longest call that may be asked for. What holds its price lasts a year and a day, and it must ring and hang up as well. */
const CALL_SECONDS_LIMIT = 365 * 86_400

const roles = ['system', 'developer', 'user', 'assistant', 'tool']

/**
 * Rejects malformed messages. Hosts pass on what their own callers sent, which no compiler has checked.
 *
 * @throws {InvalidInputError} a message is malformed; the error names it
 */
export function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages)) {
    throw new InvalidInputError('messages', `must be a list of messages, such as [{ role: 'user', content: 'Hello' }]`)
  }
  for (const [index, message] of messages.entries()) {
    if (!roles.includes(message?.role))
      throw new InvalidInputError(`messages.${index}.role`, `must be one of ${roles.join(', ')}`)
    const { role, content } = message
    const isContent = typeof content === 'string' || (role === 'user' && Array.isArray(content)) || role === 'assistant'
    if (!isContent) throw new InvalidInputError(`messages.${index}.content`, 'must be a text, or of a user a list of parts')
    if (!Array.isArray(content)) continue
    const at = content.findIndex((part) => typeof part?.type !== 'string')
    if (at >= 0)
      throw new InvalidInputError(
        `messages.${index}.content.${at}`,
        `must be a part with its type: { type: 'text', text: 'Hello' }`,
      )
  }
}

/** @throws {InvalidInputError} it is not a whole number of tokens */
export function checkTokensMax(outputTokensMax: number | undefined): void {
  if (outputTokensMax === undefined || (Number.isSafeInteger(outputTokensMax) && outputTokensMax >= 0)) return
  throw new InvalidInputError('outputTokensMax', `must be a whole number of tokens, received ${JSON.stringify(outputTokensMax)}`)
}

/** @throws {InvalidInputError} it is not a string */
export function checkText(text: string): void {
  if (typeof text !== 'string') throw new InvalidInputError('text', 'must be the text that is spoken')
}

/** @throws {InvalidInputError} they are not a list of strings */
export function checkTexts(inputs: readonly string[]): void {
  if (!Array.isArray(inputs) || inputs.some((input) => typeof input !== 'string'))
    throw new InvalidInputError('inputs', `must be a list of texts, such as ['Hello']`)
}

/**
 * Rejects a call that cannot be dialled, before a hold is placed. An error from within an adapter would look like a call that may
 * have been made.
 *
 * @throws {InvalidInputError} the input has no number, or nothing to say or do
 */
export function checkPhoneCall({ to, instructions }: Pick<PhoneRequest, 'to' | 'instructions'>): void {
  if (typeof to !== 'string' || to === '') throw new InvalidInputError('to', 'must be the number to call: +15551234567')
  if (typeof instructions?.type !== 'string') {
    throw new InvalidInputError('instructions', `must say what is said or done: { type: 'say', text: 'Hello' }`)
  }
}

/**
 * Rejects lengths that no call can have. Providers take zero, or what is no number, for no limit at all.
 *
 * @throws {InvalidInputError} a length is not a possible number of seconds; the error names it
 */
export function checkCallLengths({
  durationSecondsMax: most,
  durationSecondsExpected: expected,
}: Pick<PhoneInput, 'durationSecondsMax' | 'durationSecondsExpected'>): void {
  if (most !== undefined && !(typeof most === 'number' && most >= 1 && most <= CALL_SECONDS_LIMIT)) {
    throw new InvalidInputError('durationSecondsMax', `must be from 1 to ${CALL_SECONDS_LIMIT} seconds, received ${most}`)
  }
  if (expected !== undefined && !(typeof expected === 'number' && expected >= 0)) {
    throw new InvalidInputError('durationSecondsExpected', `must be 0 seconds or more, received ${expected}`)
  }
}
