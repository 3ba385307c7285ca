import type { Operation, Outcome } from '../../packages/ledger/src/operations.ts'

/** A client's question on its way to a server. */
export interface Question {
  client: number
  operation: Operation
}

/** What comes back: an outcome, or that it cannot be said whether there is one. */
export type Reply = { outcome: Outcome } | { unavailable: true }

export interface Answer extends Question {
  reply: Reply
}

/** Messages on their way: they arrive in any order, some twice, some never. */
export class Network {
  readonly questions: Question[] = []
  readonly answers: Answer[] = []

  get isQuiet(): boolean {
    return this.questions.length + this.answers.length === 0
  }
}
