import type { FinishReason, ToolCall } from '@farebox/core'
import type { z } from 'zod'
import type { responseAnswer } from './answers.ts'
import type { ChatIdentity, ChatOutcome } from './chat-outcome.ts'
import type { ResponsesBody } from './responses-body.ts'
import type { TokenCounts } from './token-counts.ts'

type Json = Record<string, unknown>
type ResponseAnswer = z.input<typeof responseAnswer>

/** What a response states besides its outcome: its identity, its provider, and what it repeats of the request. */
export interface ResponseEnvelope {
  identity: ChatIdentity
  provider: string
  body: ResponsesBody
}

/** Why an answer is incomplete, in OpenAI's terms. */
const INCOMPLETE: Readonly<Partial<Record<FinishReason, string>>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
}

/** A response in OpenAI's format. */
export function responseObject(outcome: ChatOutcome, envelope: ResponseEnvelope): ResponseAnswer {
  const reason = INCOMPLETE[outcome.finishReason]
  return {
    ...beginning(envelope),
    status: reason ? 'incomplete' : 'completed',
    incomplete_details: reason ? { reason } : null,
    output: outputOf(outcome),
    ...(outcome.tokens && { usage: responseUsage(outcome.tokens) }),
  }
}

/** A response that has no output yet. */
export function beginning({ identity: { id, created }, provider, body }: ResponseEnvelope): ResponseAnswer {
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: created,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: provider,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: body.reasoning ?? { effort: null, summary: null },
    store: false,
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: (body.tools ?? []).map((tool) => ({ ...tool, parameters: tool.parameters ?? null, strict: tool.strict ?? false })),
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
  }
}

/** The text, if there is any, then the tool calls. If the answer is incomplete, so is the last item. */
function outputOf({ id, text, refusal, toolCalls, finishReason }: ChatOutcome): ResponseAnswer['output'] {
  const last = lastStatus(finishReason)
  const calls = toolCalls.map((call, index) => callItem(id, index, call, index === toolCalls.length - 1 ? last : 'completed'))
  const said = text === '' && refusal !== undefined ? refusalPart(refusal) : textPart(text)
  if (text === '' && refusal === undefined && calls.length > 0) return calls
  return [messageItem(id, [said], calls.length > 0 ? 'completed' : last), ...calls]
}

/** The status of the item that was being filled when an answer ended. */
export function lastStatus(reason: FinishReason): 'completed' | 'incomplete' {
  return INCOMPLETE[reason] ? 'incomplete' : 'completed'
}

export function messageItem(id: string, content: readonly Json[], status = 'completed') {
  return { id: `msg_${id}`, type: 'message', role: 'assistant', status, content }
}

export function textPart(text: string): Json {
  return { type: 'output_text', text, annotations: [], logprobs: [] }
}

export function refusalPart(refusal: string): Json {
  return { type: 'refusal', refusal }
}

export function callItem(id: string, index: number, call: ToolCall, status = 'completed') {
  return { id: `fc_${index}_${id}`, type: 'function_call', call_id: call.id, name: call.name, arguments: call.arguments, status }
}

function responseUsage({ input, cached, cacheWrite, output, reasoning }: TokenCounts) {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: cacheWrite },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  }
}
