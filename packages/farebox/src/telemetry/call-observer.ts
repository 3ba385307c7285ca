import type { ChatMessage, Credits, Service } from '@farebox/core'
import type { AttemptRecord, Candidate, Operation } from '@farebox/router'

/**
 * Hears of the calls of a Farebox: what traces, metrics and logs are made of. None of the facts holds a text of the caller's, a
 * provider's words or a secret, except what {@link ObservedCall.input} and {@link AnswerFacts.text} answer when they are asked. What an
 * observer throws is ignored.
 */
export interface CallObserver {
  /** A call begins. Answers who is to hear how it goes; `undefined` is nobody. */
  begin?(call: ObservedCall): CallWatcher | undefined
  /** Work that was done elsewhere has been charged. */
  recorded?(work: { accountId: string; workflowId: string; service: Service; creditsUsed: Credits }): void
  /** Usage could not be written, and waits in the spool until the database is back. */
  spooled?(usage: { accountId: string; workflowId: string; holdId: string }): void
}

/** One call, as it is when it begins. */
export interface ObservedCall {
  accountId: string
  workflowId: string
  workflowName: string
  apiKeyId?: string
  userId?: string
  service: Service
  operation: Operation
  isStream: boolean
  /** The provider that was asked for by name. */
  requestedProvider?: string
  /** What the caller says: for those who were told to keep it, and nobody else. */
  input?: () => readonly ChatMessage[]
}

/** Hears how one call goes. */
export interface CallWatcher {
  /** Runs the call, so that what it does belongs to it. */
  run?<T>(work: () => T): T
  /** Its price is set aside. */
  held?(hold: { holdId: string; amount: Credits; route: readonly Candidate[] }): void
  /** An attempt begins. */
  attempting?(attempt: { attemptId: string; candidate: Candidate }): AttemptWatcher | undefined
  /** An attempt has ended. */
  attempted?(record: AttemptRecord): void
  /** It has ended, and what it cost is known. Told once. */
  ended?(end: CallEnd): void
}

/** Hears how one attempt goes. */
export interface AttemptWatcher {
  /** Runs what the adapter does, so that it belongs to the attempt. */
  run<T>(work: () => T): T
  /** The provider has answered to the end. */
  answered(facts: AnswerFacts): void
}

/** What an answer says of itself. */
export interface AnswerFacts {
  /** The model that answered, as its provider named it. */
  model?: string
  finishReason?: string
  /** What it says: for those who were told to keep it, and nobody else. */
  text?: () => string
}

/** How a call ended. `cut`: its stream broke off. `left`: its caller went away. `refused`: it was not begun, for want of credits or of permission. */
export type CallOutcome = 'succeeded' | 'cut' | 'left' | 'refused' | 'failed'

/** How a call ended. */
export interface CallEnd {
  outcome: CallOutcome
  creditsUsed: Credits
  /** Who served it. */
  candidate?: Candidate
  /** Why it has no answer. */
  error?: unknown
}
