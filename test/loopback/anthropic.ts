import type Anthropic from '@anthropic-ai/sdk'
import { errorBody, lastWords, type MessageAnswer, type MessageAsked, message, messageEvents } from './anthropic-answers.ts'
import { refusalOf } from './anthropic-refusal.ts'
import { type Exchange, type Loopback, serverSentEvent, startLoopback } from './loopback-server.ts'

export interface AnthropicLoopbackOptions {
  /** The key that it accepts. @defaultValue `sk-ant-loopback` */
  apiKey?: string
  /** What a message is answered with. @defaultValue a sentence about the last message */
  answer?: (asked: MessageAsked) => MessageAnswer
}

/** Anthropic's Messages API, on this machine. `url` is without `/v1`, as a client's base URL is. */
export type AnthropicLoopback = Loopback & { readonly apiKey: string }

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startAnthropicLoopback(options: AnthropicLoopbackOptions = {}): Promise<AnthropicLoopback> {
  const apiKey = options.apiKey ?? 'sk-ant-loopback'

  async function serve(exchange: Exchange): Promise<void> {
    const { request, json } = exchange
    const { authorization, 'x-api-key': key } = request.headers
    // SDKs before 1 send the key by itself, later ones as a bearer token.
    if (![`Bearer ${apiKey}`, undefined].includes(authorization) || (authorization === undefined && key !== apiKey)) {
      return json(401, errorBody('authentication_error', `invalid key ${key ?? authorization ?? ''}`))
    }
    if (`${request.method} ${request.path}` !== 'POST /v1/messages') {
      return json(404, errorBody('not_found_error', `${request.method} ${request.path} is not found`))
    }
    const refusal = refusalOf(request.body)
    if (refusal !== undefined) return json(400, errorBody('invalid_request_error', refusal))
    await answer(exchange)
  }

  async function answer({ request, fault, requestId, json, stream, bill }: Exchange): Promise<void> {
    const { model, messages } = request.body as unknown as Anthropic.MessageCreateParams
    const asked: MessageAsked = { model, messages, stream: request.body.stream === true }
    const whole = message(`msg_${requestId}`, asked, options.answer?.(asked) ?? {})
    const { input_tokens, output_tokens } = whole.usage
    bill({ model: whole.model, input: lastWords(messages), quantities: { input_tokens, output_tokens } })
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault?.strike()
    if (!asked.stream) return json(200, isSilent ? { ...whole, usage: null } : whole)
    const events = messageEvents(whole)
    const said = isSilent ? events.map(withoutUsage) : events
    // A ping may come anywhere, and comes after the start.
    const [start, ...rest] = said.map((event) => serverSentEvent(event, event.type))
    await stream([`${start}${serverSentEvent({ type: 'ping' }, 'ping')}`, ...rest], {
      mediaType: 'text/event-stream',
      errorEvent: (error) => serverSentEvent({ type: 'error', error }, 'error'),
    })
  }

  return { ...(await startLoopback({ requestIdHeader: 'request-id', serve })), apiKey }
}

function withoutUsage(event: Anthropic.RawMessageStreamEvent): { type: string } {
  if (event.type === 'message_start') return { ...event, message: { ...event.message, usage: null } } as { type: string }
  return event.type === 'message_delta' ? ({ type: event.type, delta: event.delta } as { type: string }) : event
}
