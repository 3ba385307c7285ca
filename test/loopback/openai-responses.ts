import type OpenAI from 'openai'
import { type Exchange, serverSentEvent } from './loopback-server.ts'
import { type ChatAnswer, type ChatAsked, errorBody, type ResolvedChat, resolveChat } from './openai-answers.ts'

type Response = Omit<OpenAI.Responses.Response, 'output_text'>
type Event = OpenAI.Responses.ResponseStreamEvent
type Unnumbered = Event extends infer Each ? (Each extends Event ? Omit<Each, 'sequence_number'> : never) : never

/** What a response is answered with: what a chat is, or the way in which it fails. */
export interface ResponseAnswer extends ChatAnswer {
  /** Fails after its text, with this code. */
  failsWith?: OpenAI.Responses.ResponseError['code']
  /** Searches of the web that OpenAI bills, besides the tokens. @defaultValue the response reports nothing of its tools */
  webSearches?: number
}

/** OpenAI's Responses API, plain and streamed. */
export async function answerResponse(
  { request, fault, requestId, json, stream, bill }: Exchange,
  answer: (asked: ChatAsked) => ResponseAnswer,
): Promise<void> {
  const { model, input, background } = request.body
  const messages = typeof input === 'string' ? [{ role: 'user', content: input }] : input
  if (typeof model !== 'string' || !Array.isArray(messages) || messages.length === 0) {
    return json(400, errorBody('input is required', 'invalid_request_error', null, 'input'))
  }
  const asked: ChatAsked = { model, messages, stream: request.body.stream === true }
  const given = answer(asked)
  const chat = resolveChat(`resp_${requestId}`, asked, given)
  const response = responseOf(chat, given)
  const last = messages.findLast((message: { role?: string }) => message.role === 'user')?.content
  bill({
    model: chat.model,
    input: typeof last === 'string' ? last : JSON.stringify(last),
    quantities: { input_tokens: chat.usage.prompt_tokens, output_tokens: chat.usage.completion_tokens },
  })
  const isSilent = fault?.fault.type === 'no_usage'
  if (isSilent) fault?.strike()
  const { usage, ...rest } = response
  const told = (isSilent ? rest : { ...rest, usage }) as Response
  // Such a response is answered before anything is used, and looked up later.
  if (background === true) return json(200, { ...rest, status: 'queued', output: [] })
  if (!asked.stream) return json(200, told)
  const events = eventsOf(told, chat).map((event) => serverSentEvent(event, event.type))
  await stream(events, {
    mediaType: 'text/event-stream',
    errorEvent: ({ code = null, message = '', param = null }) =>
      serverSentEvent({ type: 'error', code, message, param, sequence_number: 0 }, 'error'),
  })
}

function responseOf(chat: ResolvedChat, { failsWith, webSearches }: ResponseAnswer): Response {
  const reasons = { length: 'max_output_tokens', content_filter: 'content_filter' } as const
  const reason = chat.finishReason === 'length' || chat.finishReason === 'content_filter' ? reasons[chat.finishReason] : undefined
  const { prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details } = chat.usage
  return {
    ...envelope(chat),
    status: failsWith ? 'failed' : reason ? 'incomplete' : 'completed',
    error: failsWith ? { code: failsWith, message: `The prompt was: ${chat.text}` } : null,
    incomplete_details: reason ? { reason } : null,
    output: outputOf(chat),
    usage: {
      input_tokens: prompt_tokens,
      input_tokens_details: { cached_tokens: prompt_tokens_details?.cached_tokens ?? 0, cache_write_tokens: 0 },
      output_tokens: completion_tokens,
      output_tokens_details: { reasoning_tokens: completion_tokens_details?.reasoning_tokens ?? 0 },
      total_tokens: prompt_tokens + completion_tokens,
    },
    ...(webSearches === undefined ? {} : { tool_usage: toolUsage(webSearches) }),
  } satisfies Response
}

/** Tools that did nothing report zeros. */
function toolUsage(searches: number): OpenAI.Responses.Response.ToolUsage {
  const none = { image_tokens: 0, text_tokens: 0 }
  const images = { input_tokens: 0, input_tokens_details: none, output_tokens: 0, output_tokens_details: none, total_tokens: 0 }
  return { image_gen: images, web_search: { num_requests: searches } }
}

function outputOf(chat: ResolvedChat): OpenAI.Responses.ResponseOutputItem[] {
  return [
    ...(chat.text === '' ? [] : [{ ...message(chat), content: [partOf(chat, chat.text)] }]),
    ...chat.toolCalls.map((call, index) => functionCall(chat, call, index)),
  ]
}

/** A response's events; each text and each tool call is an item that is added, filled and done. */
function eventsOf(response: Response, chat: ResolvedChat): Event[] {
  const begun: Response = {
    ...response,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    output: [],
    usage: undefined,
  }
  const events: Unnumbered[] = [
    { type: 'response.created', response: withText(begun) },
    { type: 'response.in_progress', response: withText(begun) },
  ]
  for (const [output_index, item] of response.output.entries()) {
    if (item.type === 'message') {
      const place = { output_index, content_index: 0, item_id: item.id }
      events.push(
        { type: 'response.output_item.added', output_index, item: { ...item, status: 'in_progress', content: [] } },
        { type: 'response.content_part.added', ...place, part: partOf(chat, '') },
        ...(chat.text.match(/\S+\s*/g) ?? []).map((delta) =>
          chat.isRefusal
            ? { type: 'response.refusal.delta' as const, ...place, delta }
            : { type: 'response.output_text.delta' as const, ...place, delta, logprobs: [] },
        ),
        chat.isRefusal
          ? { type: 'response.refusal.done', ...place, refusal: chat.text }
          : { type: 'response.output_text.done', ...place, text: chat.text, logprobs: [] },
        { type: 'response.content_part.done', ...place, part: partOf(chat, chat.text) },
      )
    } else if (item.type === 'function_call') {
      const place = { output_index, item_id: item.id ?? '' }
      // The specification asks for the name, of which the SDK's type knows nothing.
      const named = { ...place, name: item.name }
      events.push(
        { type: 'response.output_item.added', output_index, item: { ...item, status: 'in_progress', arguments: '' } },
        { type: 'response.function_call_arguments.delta', ...place, delta: item.arguments },
        { type: 'response.function_call_arguments.done', ...named, arguments: item.arguments },
      )
    }
    events.push({ type: 'response.output_item.done', output_index, item })
  }
  events.push(lastEvent(withText(response)))
  return events.map((event, sequence_number) => ({ ...event, sequence_number }))
}

function lastEvent(response: OpenAI.Responses.Response): Unnumbered {
  switch (response.status) {
    case 'failed':
      return { type: 'response.failed', response }
    case 'incomplete':
      return { type: 'response.incomplete', response }
    default:
      return { type: 'response.completed', response }
  }
}

/** The SDK's type has a field that is its own and never on the wire; it is `undefined` here, so JSON leaves it out. */
function withText(response: Response): OpenAI.Responses.Response {
  return { ...response, output_text: undefined as unknown as string }
}

function partOf({ isRefusal }: ResolvedChat, text: string) {
  return isRefusal
    ? { type: 'refusal' as const, refusal: text }
    : { type: 'output_text' as const, text, annotations: [], logprobs: [] }
}

function message(chat: ResolvedChat) {
  return { type: 'message' as const, id: `msg_${chat.id}`, role: 'assistant' as const, status: 'completed' as const }
}

function functionCall(chat: ResolvedChat, { id, name, arguments: text }: ResolvedChat['toolCalls'][number], index: number) {
  return {
    type: 'function_call' as const,
    id: `fc_${index}_${chat.id}`,
    call_id: id,
    name,
    arguments: text,
    status: 'completed' as const,
  }
}

function envelope(chat: ResolvedChat) {
  return {
    id: chat.id,
    object: 'response',
    created_at: 1_795_000_000,
    completed_at: null,
    model: chat.model,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [] as OpenAI.Responses.Tool[],
    top_p: 1,
    background: false,
    max_output_tokens: null,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    text: { format: { type: 'text' } },
    truncation: 'disabled',
    access_programs: null,
  } satisfies Partial<Response>
}
