import type { ChatMessage, Credits, Service } from '@farebox/core'
import type { AttemptRecord, Candidate, Operation } from '@farebox/router'

/**
 * Observes the calls of a Farebox, for traces, metrics and logs. The facts never contain a caller's text, a provider's message or
 * a secret. The exceptions are what {@link ObservedCall.input} and {@link AnswerFacts.text} return when called. Errors of an
 * observer are ignored.
 */
export interface CallObserver {
  /** Called when a call begins. Returns a watcher of this call, or `undefined` for none. */
  begin?(call: ObservedCall): CallWatcher | undefined
  /** Called when work done outside Farebox has been charged: `record`, or metered time once it has ended. */
  recorded?(work: { accountId: string; workflowId: string; service: Service; creditsUsed: Credits }): void
  /** Called when usage could not be written and waits in the spool until the database is back. */
  spooled?(usage: { accountId: string; workflowId: string; holdId: string }): void
}

/** A call, as known when it begins. */
export interface ObservedCall {
  accountId: string
  workflowId: string
  workflowName: string
  apiKeyId?: string
  userId?: string
  service: Service
  operation: Operation
  isStream: boolean
  /** The provider that the caller requested by name. */
  requestedProvider?: string
  /** Returns the caller's input. Call it only if the host has asked to record content. */
  input?: () => readonly ChatMessage[]
}

/** Observes one call. */
export interface CallWatcher {
  /** Runs the call in the watcher's own context, such as a span. */
  run?<T>(work: () => T): T
  /** Called when the hold is placed. */
  held?(hold: { holdId: string; amount: Credits; route: readonly Candidate[] }): void
  /** Called when an attempt begins. Returns a watcher of this attempt, or `undefined` for none. */
  attempting?(attempt: { attemptId: string; candidate: Candidate }): AttemptWatcher | undefined
  /** Called when an attempt has ended. */
  attempted?(record: AttemptRecord): void
  /** Called once, when the call has ended and its charge is known. */
  ended?(end: CallEnd): void
}

/** Observes one attempt. */
export interface AttemptWatcher {
  /** Runs the adapter's work in the attempt's context, such as a span. */
  run<T>(work: () => T): T
  /** Called when the provider's answer is complete. */
  answered(facts: AnswerFacts): void
}

/** Facts about an answer. */
export interface AnswerFacts {
  /** The model that answered, as its provider named it. */
  model?: string
  finishReason?: string
  /** Returns the text of the answer. Call it only if the host has asked to record content. */
  text?: () => string
}

/**
 * The outcome of a call. `cut`: its stream broke off. `left`: its caller left. `refused`: not begun, for lack of credits or
 * permission.
 */
export type CallOutcome = 'succeeded' | 'cut' | 'left' | 'refused' | 'failed'

/** How a call ended. */
export interface CallEnd {
  outcome: CallOutcome
  /** All that it was charged, with its failed attempts if customers pay for those. */
  creditsUsed: Credits
  /** The candidate that served it. */
  candidate?: Candidate
  /** Why there is no answer. */
  error?: unknown
}
