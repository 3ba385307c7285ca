import { isDeepStrictEqual } from 'node:util'
import type { Operation, Outcome } from '../../packages/ledger/src/operations.ts'
import type { Answer } from './network.ts'

/** What a client was told for good. */
export interface Acknowledged {
  operation: Operation
  outcome: Outcome
}

/**
 * Somebody who wants one thing after another, and asks for each until there is a clear answer. What has no key may have happened or not
 * when the answer is lost, so it is asked for once.
 */
export class Client {
  readonly acknowledged: Acknowledged[] = []
  #wanted: Operation | undefined

  get wanted(): Operation | undefined {
    return this.#wanted
  }

  want(operation: Operation): void {
    this.#wanted = operation
  }

  /** Stops waiting for an answer to something that may not be asked twice. */
  giveUp(): void {
    this.#wanted = undefined
  }

  /** Takes an answer. Returns whether to ask again. */
  hear({ operation, reply }: Answer): boolean {
    if ('outcome' in reply) this.#compare(operation, reply.outcome)
    if (operation !== this.#wanted) return false
    if ('unavailable' in reply) {
      if (operation.idempotencyKey === null) this.giveUp()
      return operation.idempotencyKey !== null
    }
    this.#wanted = undefined
    if ('replayed' in reply.outcome && operation.idempotencyKey !== null) {
      this.acknowledged.push({ operation, outcome: reply.outcome })
    }
    return false
  }

  /** However often it happened, it happened once. A refusal that comes late is one of before. */
  #compare(operation: Operation, outcome: Outcome): void {
    const before = this.acknowledged.find((each) => each.operation === operation)
    if (before && 'replayed' in outcome && !isSameAnswer(before.outcome, outcome)) {
      throw new Error(`${operation.verb} ${operation.idempotencyKey} was answered twice, and not the same`)
    }
  }
}

export function isSameAnswer(a: Outcome, b: Outcome): boolean {
  return isDeepStrictEqual({ ...a, replayed: true }, { ...b, replayed: true })
}
