import type { ChatMessage, PhoneRequest } from '@farebox/core'
import { InvalidInputError } from '@farebox/ledger'

const roles = ['system', 'developer', 'user', 'assistant', 'tool']

/**
 * Refuses what is no chat: hosts hand on what their own callers sent, which no compiler has seen.
 *
 * @throws {InvalidInputError} names the message
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
  }
}

/** @throws {InvalidInputError} it is no whole number of tokens */
export function checkTokensMax(outputTokensMax: number | undefined): void {
  if (outputTokensMax === undefined || (Number.isSafeInteger(outputTokensMax) && outputTokensMax >= 0)) return
  throw new InvalidInputError('outputTokensMax', `must be a whole number of tokens, received ${JSON.stringify(outputTokensMax)}`)
}

/** @throws {InvalidInputError} it is no text */
export function checkText(text: string): void {
  if (typeof text !== 'string') throw new InvalidInputError('text', 'must be the text that is spoken')
}

/** @throws {InvalidInputError} they are no list of texts */
export function checkTexts(inputs: readonly string[]): void {
  if (!Array.isArray(inputs) || inputs.some((input) => typeof input !== 'string'))
    throw new InvalidInputError('inputs', `must be a list of texts, such as ['Hello']`)
}

/**
 * Refuses what nobody could dial before anything is held for it. From within an adapter it would look like a call that may have been made.
 *
 * @throws {InvalidInputError} there is no number, or nothing that is said or done
 */
export function checkPhoneCall({ to, instructions }: Pick<PhoneRequest, 'to' | 'instructions'>): void {
  if (typeof to !== 'string' || to === '') throw new InvalidInputError('to', 'must be the number to call: +15551234567')
  if (typeof instructions?.type !== 'string') {
    throw new InvalidInputError('instructions', `must say what is said or done: { type: 'say', text: 'Hello' }`)
  }
}
