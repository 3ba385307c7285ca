import type { ChatMessage, Quantity, Usage } from '@farebox/core'
import type { Candidate, RouteSession } from '@farebox/router'

/** The shortest time for which providers promise to cache the beginning of a conversation. */
const CACHE_MS = 300_000

interface Turn {
  messages: readonly ChatMessage[]
  provider: string
  adapter: string
  model: string
  input: Quantity
  at: number
}

/**
 * Remembers which provider has the beginning of a workflow's conversation in its cache, so that routing can stay there if that is
 * cheaper. A provider counts as having a cache only once it has reported cached input.
 */
export class ChatSession {
  #last: Turn | undefined

  /** What the cache holds for a chat that continues the last one. `undefined` if it does not continue it. */
  before(messages: readonly ChatMessage[], now: number): RouteSession | undefined {
    const last = this.#last
    if (!last || now >= last.at + CACHE_MS || !goesOn(last.messages, messages)) return undefined
    const { provider, adapter, model, input } = last
    return { provider, adapter, model, cachedInput: input, expiresAt: last.at + CACHE_MS }
  }

  /** Records an answer. */
  after(messages: readonly ChatMessage[], { offer, adapter }: Candidate, usage: Usage | undefined, now: number): void {
    const read = usage?.quantities.filter(({ meter }) => meter === 'input' || meter.startsWith('cache')) ?? []
    const hasCache = read.some(({ meter, quantity }) => meter !== 'input' && quantity > 0n)
    if (!hasCache) {
      this.#last = undefined
      return
    }
    const input = read.reduce((sum, { quantity }) => sum + quantity, 0n) as Quantity
    const { provider, model } = offer
    this.#last = { messages: [...messages], provider, adapter: adapter.name, model, input, at: now }
  }
}

/** Whether `messages` begins with all of `earlier` and adds to it. */
function goesOn(earlier: readonly ChatMessage[], messages: readonly ChatMessage[]): boolean {
  if (messages.length <= earlier.length) return false
  return earlier.every(
    (message, index) => message === messages[index] || JSON.stringify(message) === JSON.stringify(messages[index]),
  )
}
