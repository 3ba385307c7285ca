import { type Credits, microCredits, quantity, type UsageQuantity } from '@farebox/core'
import type { PriceBook } from './price-book.ts'
import { creditsOf, rate, roundUp } from './rate.ts'

/** Work that is planned: what one service of one provider will consume. */
export interface PlannedUsage {
  service: string
  provider: string
  quantities: readonly UsageQuantity[]
}

export interface EstimatedService extends PlannedUsage {
  credits: Credits
}

export interface Estimate {
  services: EstimatedService[]
  total: Credits
  /** The version of the book that was used. */
  version: string
}

/**
 * What planned work will cost, by service and in total, rounded as a receipt is.
 *
 * @throws {PriceNotFoundError} one of the providers or units has no price at `at`
 */
export function estimate(book: PriceBook, planned: readonly PlannedUsage[], at: number): Estimate {
  const services = planned.map((usage) => ({
    ...usage,
    credits: roundUp(creditsOf(rate(book, { service: usage.service, provider: usage.provider, at }, usage.quantities))),
  }))
  const total = services.reduce((sum, { credits }) => sum + credits, 0n)
  return { services, total: microCredits(total), version: book.entries(at).version }
}

/** Characters of English in one token: on average, and in the densest text, which is what is held for. */
const ASCII_PER_TOKEN = 4
const ASCII_PER_TOKEN_MIN = 2
/** Bytes of other scripts in one token, on average. At worst each byte is a token of its own: tokenizers work on bytes. */
const OTHER_BYTES_PER_TOKEN = 3
/** What providers add to each message for its role and its ends. */
const TOKENS_PER_MESSAGE = 6

/** What is known of a chat before it runs. */
export interface ChatSize {
  /** Characters of ASCII, in all messages. */
  asciiCharacters: number
  /** UTF-8 bytes of all other characters. */
  otherBytes: number
  messages: number
  images?: number
  /** Tokens that the answer may have at most. */
  outputTokensMax: number
}

/**
 * What a chat will consume: as expected, and at most, which is what a hold must cover. Images are counted as such, because what one
 * is in tokens depends on the model.
 */
export function chatQuantities({ asciiCharacters, otherBytes, messages, images = 0, outputTokensMax }: ChatSize): {
  expected: UsageQuantity[]
  ceiling: UsageQuantity[]
} {
  const usage = (input: number, output: number): UsageQuantity[] => [
    { meter: 'input', quantity: quantity(Math.ceil(input + messages * TOKENS_PER_MESSAGE)), unit: 'tokens' },
    { meter: 'output', quantity: quantity(Math.ceil(output)), unit: 'tokens' },
    ...(images > 0 ? [{ meter: 'image_input', quantity: quantity(images), unit: 'images' as const }] : []),
  ]
  return {
    expected: usage(asciiCharacters / ASCII_PER_TOKEN + otherBytes / OTHER_BYTES_PER_TOKEN, Math.min(outputTokensMax, 300)),
    ceiling: usage(asciiCharacters / ASCII_PER_TOKEN_MIN + otherBytes, outputTokensMax),
  }
}
