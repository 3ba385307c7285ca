import type { ChatMessage, PhoneRequest } from '@farebox/core'
import { InvalidInputError } from '@farebox/ledger'

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
