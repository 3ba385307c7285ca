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
} from './wire.ts'

/** What a phone call takes beside its talk: ringing, and the server's own work. */
const CALL_MARGIN_MS = 180_000
const CALL_MINUTES = 10

/** The agents of an account. */
export class AgentsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** Makes an agent from a business adapter and settings of its own. */
  create(body: CreateAgentRequest = {}, options?: RequestOptions): Promise<Agent> {
    return this.#transport.send({ method: 'POST', path: '/agent/create', body }, options)
  }

  /** Asks an agent in writing. */
  chat(agentId: string, body: ChatRequest, options?: RequestOptions): Promise<ChatAnswer> {
    return this.#transport.send({ method: 'POST', path: `/agent/${segment(agentId)}/chat`, body }, options)
  }

  /**
   * Asks an agent in writing, and reads its answer as it is produced. Resolves when the answer begins.
   *
   * @example
   * const stream = await client.agents.streamChat(agent.agent_id, { message: 'Hola' })
   * for await (const text of stream.texts()) process.stdout.write(text)
   */
  async streamChat(agentId: string, body: ChatRequest, options?: RequestOptions): Promise<ChatStream> {
    const path = `/agent/${segment(agentId)}/chat`
    return new ChatStream(await this.#transport.stream({ method: 'POST', path, body: { ...body, stream: true } }, options))
  }

  /** Asks an agent by voice, and is answered by voice. */
  async voice(agentId: string, { audio, ...fields }: VoiceRequest, options?: RequestOptions): Promise<VoiceAnswer> {
    const body = new FormData()
    body.set('audio', await readAudio(audio, options?.signal), 'audio')
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value)
    return this.#transport.send({ method: 'POST', path: `/agent/${segment(agentId)}/voice`, body }, options)
  }

  /**
   * Lets an agent call a telephone; answers when the call has ended. A telephone should ring once, so this is not sent again
   * by itself, unless `retries` asks for it here.
   *
   * Node's own `fetch` gives up on an answer after five minutes, whatever `timeoutMs` says. Where calls may be longer, give the
   * client a `fetch` that waits, such as undici's with an agent of `headersTimeout: 0`.
   */
  call(agentId: string, body: CallRequest, options: RequestOptions = {}): Promise<CallAnswer> {
    const timeoutMs = (body.max_minutes ?? CALL_MINUTES) * 60_000 + CALL_MARGIN_MS
    return this.#transport.send(
      { method: 'POST', path: `/agent/${segment(agentId)}/call`, body },
      { ...options, retries: options.retries ?? 0, timeoutMs: options.timeoutMs ?? timeoutMs },
    )
  }
}
