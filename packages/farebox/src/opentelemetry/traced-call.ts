import type { Credits } from '@farebox/core'
import type { AttemptRecord, Candidate } from '@farebox/router'
import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { AnswerFacts, AttemptWatcher, CallEnd, CallWatcher, ObservedCall } from '../telemetry/call-observer.ts'
import { codeOf } from '../telemetry/outcome-of-error.ts'
import type { CallMeasures } from './call-measures.ts'
import { inputMessages, outputMessages } from './content-messages.ts'
import { creditsNumber, endAttributes, errorTypeOf, operationAttributes, spanName } from './gen-ai-attributes.ts'

export interface TracedCallParts {
  tracer: Tracer
  measures: CallMeasures
  recordContent: boolean
}

/** Traces one call as a span, with a child span for each attempt. */
export class TracedCall implements CallWatcher {
  readonly #call: ObservedCall
  readonly #parts: TracedCallParts
  readonly #span: Span
  /** The context in which the call's span is active. `undefined` where tracing is off. */
  readonly #context: Context | undefined
  readonly #startedAt = performance.now()
  readonly #attempts = new Map<string, { span: Span; startedAt: number }>()

  constructor(call: ObservedCall, parts: TracedCallParts) {
    this.#call = call
    this.#parts = parts
    const parent = context.active()
    this.#span = parts.tracer.startSpan(`farebox ${call.operation}`, { kind: SpanKind.INTERNAL }, parent)
    // A span that was sampled out is still the parent of its attempts. Without an SDK there is no span at all.
    const isThere = this.#span.isRecording() || trace.isSpanContextValid(this.#span.spanContext())
    this.#context = isThere ? trace.setSpan(parent, this.#span) : undefined
    if (this.#span.isRecording()) this.#span.setAttributes(callAttributes(call))
  }

  run<T>(work: () => T): T {
    return this.#context ? context.with(this.#context, work) : work()
  }

  held({ holdId, amount }: { holdId: string; amount: Credits }): void {
    this.#parts.measures.held(this.#call.service)
    this.#span.setAttribute('farebox.hold.id', holdId)
    this.#span.setAttribute('farebox.credits.held', creditsNumber(amount))
  }

  attempting({ attemptId, candidate }: { attemptId: string; candidate: Candidate }): AttemptWatcher | undefined {
    if (!this.#context) return undefined
    const { tracer, recordContent } = this.#parts
    const { operation, workflowId, input } = this.#call
    const span = tracer.startSpan(spanName(operation, candidate), { kind: SpanKind.CLIENT }, this.#context)
    if (span.isRecording()) {
      this.#attempts.set(attemptId, { span, startedAt: performance.now() })
      span.setAttributes(operationAttributes(operation, candidate))
      span.setAttributes({
        'farebox.adapter': candidate.adapter.name,
        'farebox.attempt.id': attemptId,
        'farebox.workflow.id': workflowId,
        'farebox.simulated': candidate.adapter.isSimulated,
      })
      if (recordContent && input) span.setAttribute('gen_ai.input.messages', inputMessages(input()))
    }
    const inside = trace.setSpan(this.#context, span)
    return { run: (work) => context.with(inside, work), answered: (facts) => this.#answered(span, facts) }
  }

  attempted(record: AttemptRecord): void {
    const { attemptId, candidate, usage, startedAt, endedAt } = record
    const errorType = errorTypeOf(record)
    const failure: Attributes = errorType === undefined ? {} : { 'error.type': errorType }
    const attempt = this.#attempts.get(attemptId)
    const milliseconds = attempt ? performance.now() - attempt.startedAt : endedAt - startedAt
    const few = { ...operationAttributes(this.#call.operation, candidate), ...failure }
    if (this.#call.operation !== 'call') this.#parts.measures.attempted(few, milliseconds, usage)
    if (!attempt) return
    this.#attempts.delete(attemptId)
    attempt.span.setAttributes({ ...endAttributes(record), ...failure })
    if (errorType !== undefined) attempt.span.setStatus({ code: SpanStatusCode.ERROR })
    attempt.span.end()
  }

  ended({ outcome, creditsUsed, candidate, error }: CallEnd): void {
    const { measures } = this.#parts
    const { service, operation } = this.#call
    measures.ended({ service, operation, outcome }, performance.now() - this.#startedAt)
    measures.charged({ service, operation }, creditsUsed)
    if (outcome === 'refused') measures.refused(service, codeOf(error))
    this.#span.setAttributes({
      'farebox.outcome': outcome,
      'farebox.credits.used': creditsNumber(creditsUsed),
      ...(candidate && { 'farebox.provider': candidate.offer.provider }),
      ...(error !== undefined && { 'error.type': codeOf(error) }),
    })
    if (outcome === 'failed' || outcome === 'cut') this.#span.setStatus({ code: SpanStatusCode.ERROR })
    this.#span.end()
  }

  #answered(span: Span, facts: AnswerFacts): void {
    if (!span.isRecording()) return
    const { model, finishReason } = facts
    if (model !== undefined) span.setAttribute('gen_ai.response.model', model)
    if (finishReason !== undefined) span.setAttribute('gen_ai.response.finish_reasons', [finishReason])
    const said = this.#parts.recordContent ? outputMessages(facts) : undefined
    if (said !== undefined) span.setAttribute('gen_ai.output.messages', said)
  }
}

function callAttributes(call: ObservedCall): Attributes {
  const { accountId, workflowId, workflowName, apiKeyId, service, operation, isStream, requestedProvider } = call
  return {
    'farebox.account.id': accountId,
    'farebox.workflow.id': workflowId,
    'farebox.workflow.name': workflowName,
    'farebox.service': service,
    'farebox.operation': operation,
    'farebox.stream': isStream,
    ...(apiKeyId !== undefined && { 'farebox.api_key.id': apiKeyId }),
    ...(requestedProvider !== undefined && { 'farebox.requested_provider': requestedProvider }),
  }
}
