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

/** Characters of English that one token holds on average, and at least: the first for what is expected, the second for what is held. */
const CHARACTERS_PER_TOKEN = 4
const CHARACTERS_PER_TOKEN_MIN = 2
/** What providers add to each message for its role and its ends. */
const TOKENS_PER_MESSAGE = 6
/** An image at high detail in the models we price. */
const TOKENS_PER_IMAGE = 1_105

/** What is known of a chat before it runs. */
export interface ChatSize {
  characters: number
  messages: number
  images?: number
  /** Tokens that the answer may have at most. */
  outputTokensMax: number
}

/** What a chat will consume: as expected, and at most, which is what a hold must cover. */
export function chatQuantities({ characters, messages, images = 0, outputTokensMax }: ChatSize): {
  expected: UsageQuantity[]
  ceiling: UsageQuantity[]
} {
  const beside = messages * TOKENS_PER_MESSAGE + images * TOKENS_PER_IMAGE
  const tokens = (input: number, output: number): UsageQuantity[] => [
    { meter: 'input', quantity: quantity(Math.ceil(input)), unit: 'tokens' },
    { meter: 'output', quantity: quantity(Math.ceil(output)), unit: 'tokens' },
  ]
  return {
    expected: tokens(characters / CHARACTERS_PER_TOKEN + beside, Math.min(outputTokensMax, 300)),
    ceiling: tokens(characters / CHARACTERS_PER_TOKEN_MIN + beside, outputTokensMax),
  }
}
