import { ChatStream } from './chat-stream.ts'
import { readAudio } from './read-audio.ts'
import { type RequestOptions, segment, type Transport } from './transport.ts'
import type {
  Agent,
  CallAnswer,
  CallRequest,
  ChatAnswer,
  ChatRequest,
  CreateAgentRequest,
  VoiceAnswer,
  VoiceRequest,
} from './wire/index.ts'

/** The time that a phone call takes beyond the talk itself: ringing, and the server's own work. */
const CALL_MARGIN_MS = 180_000
const CALL_MINUTES = 10

/** The agents of an account. */
export class AgentsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** Creates an agent from a business adapter and its own settings. */
  create(body: CreateAgentRequest = {}, options?: RequestOptions): Promise<Agent> {
    return this.#transport.send({ method: 'POST', path: '/agent/create', body }, options)
  }

  /** Sends an agent a text message or a conversation, and returns its complete answer. */
  chat(agentId: string, body: ChatRequest, options?: RequestOptions): Promise<ChatAnswer> {
    return this.#transport.send({ method: 'POST', path: `/agent/${segment(agentId)}/chat`, body }, options)
  }

  /**
   * Does the same as {@link chat}, but streams the answer as it is produced. Resolves when the answer begins.
   *
   * @example
   * const stream = await client.agents.streamChat(agent.agent_id, { message: 'Hola' })
   * for await (const text of stream.texts()) process.stdout.write(text)
   */
  async streamChat(agentId: string, body: ChatRequest, options?: RequestOptions): Promise<ChatStream> {
    const path = `/agent/${segment(agentId)}/chat`
    return new ChatStream(await this.#transport.stream({ method: 'POST', path, body: { ...body, stream: true } }, options))
  }

  /** Sends an agent a recording, and returns its spoken answer. */
  async voice(agentId: string, { audio, ...fields }: VoiceRequest, options?: RequestOptions): Promise<VoiceAnswer> {
    const body = new FormData()
    body.set('audio', await readAudio(audio, options?.signal), 'audio')
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value)
    return this.#transport.send({ method: 'POST', path: `/agent/${segment(agentId)}/voice`, body }, options)
  }

  /**
   * Makes an agent call a telephone. Resolves when the call has ended. A telephone should ring only once, so this request is not
   * retried unless you pass `retries` here.
   *
   * Node's own `fetch` gives up on an answer after five minutes, whatever `timeoutMs` says. For longer calls, give the client a
   * `fetch` that waits, such as undici's with an agent of `headersTimeout: 0`.
   */
  call(agentId: string, body: CallRequest, options: RequestOptions = {}): Promise<CallAnswer> {
    const timeoutMs = (body.max_minutes ?? CALL_MINUTES) * 60_000 + CALL_MARGIN_MS
    return this.#transport.send(
      { method: 'POST', path: `/agent/${segment(agentId)}/call`, body },
      { ...options, retries: options.retries ?? 0, timeoutMs: options.timeoutMs ?? timeoutMs },
    )
  }
}
