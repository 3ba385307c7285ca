import {
  quantity,
  type RealtimeEvent,
  type RealtimeInput,
  type SoundFormat,
  soundSeconds,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { sumQuantities } from '../adapter/sum-quantities.ts'
import { openaiTranscriptionUsage } from '../usage/openai.ts'
import type { RealtimeServerEvent, RealtimeSocket } from './realtime-socket.ts'

/**
 * Where a conversation is: what was asked for, what is being answered, and what has been used that no turn has told. OpenAI gives one
 * answer at a time and refuses a second, so one that is asked for meanwhile waits here.
 */
export class RealtimeTalk {
  /** Whether anything of an answer was handed out. */
  isAnswering = false
  #answers = new Set<string>()
  /** An answer was asked for and has not begun. */
  #isRequested = false
  /** One more is to be asked for when the one under way has ended. */
  #isWanted = false
  /** The user has paused, and the model answers that by itself. */
  #isExpected = false
  #answersPauses = true
  /** Sound was sent that no answer has been asked for yet. */
  #hasSound = false
  #input: 'open' | 'draining' | 'ended' = 'open'
  /** Bytes of sound handed out of answers that have not ended. */
  #untoldBytes = 0
  #transcriptions: Usage[] = []
  /** What has told its usage. */
  #told = new Set<string>()
  readonly #socket: Pick<RealtimeSocket, 'send'>
  readonly #outputFormat: SoundFormat

  constructor(socket: Pick<RealtimeSocket, 'send'>, outputFormat: SoundFormat) {
    this.#socket = socket
    this.#outputFormat = outputFormat
  }

  /** Whether all that was asked is answered and nothing more can be. */
  get isOver(): boolean {
    return this.#input === 'ended' && !this.#isUnderWay && !this.#isExpected
  }

  get #isUnderWay(): boolean {
    return this.#answers.size > 0 || this.#isRequested || this.#isWanted
  }

  /** Passes on what the caller says. */
  feed(input: RealtimeInput): void {
    const { send } = this.#socket
    switch (input.type) {
      case 'audio':
        if (input.audio.length === 0) break
        this.#hasSound = true
        send({ type: 'input_audio_buffer.append', audio: base64(input.audio) })
        break
      case 'text': {
        const content = [{ type: 'input_text' as const, text: input.text }]
        send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } })
        break
      }
      case 'tool_result': {
        const { toolCallId: call_id, content: output } = input
        send({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output } })
        break
      }
      case 'respond':
        if (this.#hasSound) send({ type: 'input_audio_buffer.commit' })
        this.#hasSound = false
        this.#isWanted = true
        this.#request()
        break
      case 'cancel':
        this.#isWanted = false
        if (this.#isUnderWay) send({ type: 'response.cancel' })
    }
  }

  /**
   * The caller has said all. What is left in the buffer is not followed by a pause, so nobody will answer it; that it was emptied also
   * tells that everything before has been heard, and so whether an answer is on its way.
   */
  end(): void {
    this.#input = this.#hasSound ? 'draining' : 'ended'
    if (this.#hasSound) this.#socket.send({ type: 'input_audio_buffer.clear' })
  }

  /** Whether an event tells again what an answer, or writing down what the user said, has used. Asked once of each event. */
  isRepeated(event: RealtimeServerEvent): boolean {
    const key = usageKey(event)
    if (key === undefined) return false
    const isRepeated = this.#told.has(key)
    this.#told.add(key)
    return isRepeated
  }

  /** Follows what the server says. */
  hear(event: RealtimeServerEvent): void {
    const response = asRecord(event.response)
    switch (event.type) {
      case 'session.updated': {
        const detection = asRecord(asRecord(asRecord(asRecord(event.session)?.audio)?.input)?.turn_detection)
        this.#answersPauses = detection !== undefined && detection.create_response !== false
        break
      }
      case 'input_audio_buffer.speech_stopped':
        this.#isExpected = this.#answersPauses && this.#answers.size === 0
        break
      case 'input_audio_buffer.committed':
        this.#hasSound = false
        break
      case 'input_audio_buffer.cleared':
        if (this.#input === 'draining') this.#input = 'ended'
        break
      case 'response.created':
        this.#isRequested = false
        this.#isExpected = false
        this.#answers.add(String(response?.id))
        break
      case 'response.done':
        this.#answers.delete(String(response?.id))
        this.#untoldBytes = 0
        this.#request()
        break
      case 'conversation.item.input_audio_transcription.completed': {
        const usage = readable(() => openaiTranscriptionUsage(event))
        if (usage) this.#transcriptions.push(usage)
      }
    }
  }

  /** Whether an error that the server reports is one that a conversation goes on after. */
  forgives(code: unknown): boolean {
    if (code === 'conversation_already_has_active_response') {
      // The user had paused just when we asked, and is being answered; ours is asked for again after that.
      this.#isRequested = false
      this.#isWanted = true
      return true
    }
    return code === 'response_cancel_not_active' || code === 'input_audio_buffer_commit_empty'
  }

  /** Follows what the caller is told. */
  tell(event: RealtimeEvent): void {
    if (event.type === 'audio') this.#untoldBytes += event.audio.length
    this.isAnswering ||= event.type === 'audio' || event.type === 'text' || event.type === 'tool_call'
  }

  /** What was used that no turn has told: writing down what the user said, and an answer that was broken off. */
  get untold(): Usage | undefined {
    const quantities = transcriptionQuantities(this.#transcriptions)
    const tokens = Math.floor(soundSeconds(this.#untoldBytes, this.#outputFormat) * OUTPUT_TOKENS_PER_SECOND)
    if (tokens > 0) quantities.push({ meter: 'audio_output', quantity: quantity(tokens), unit: 'tokens' })
    if (quantities.length === 0) return undefined
    return { quantities, certainty: tokens > 0 ? 'floor' : 'exact', raw: this.#transcriptions.map(({ raw }) => raw) }
  }

  #request(): void {
    if (!this.#isWanted || this.#answers.size > 0 || this.#isRequested) return
    this.#isWanted = false
    this.#isRequested = true
    this.#socket.send({ type: 'response.create' })
  }
}

/** Names what an event tells the usage of; `undefined` where it tells none, or has no name. */
function usageKey({ type, response, item_id, content_index }: RealtimeServerEvent): string | undefined {
  const id = type === 'response.done' ? asText(asRecord(response)?.id) : undefined
  if (id !== undefined) return `response ${id}`
  const isWritten = type === 'conversation.item.input_audio_transcription.completed' && asText(item_id) !== undefined
  return isWritten ? `item ${item_id} ${content_index}` : undefined
}

/**
 * Tokens of a second of sound that an answer holds.
 *
 * @source https://developers.openai.com/api/docs/guides/realtime-costs ("1 token per 50 ms of audio" of assistant messages)
 */
const OUTPUT_TOKENS_PER_SECOND = 20

/** What transcriptions used. They have a price of their own, so they are not mixed with what the model itself has used. */
function transcriptionQuantities(usages: readonly Usage[]): UsageQuantity[] {
  const all = usages.flatMap(({ quantities }) => quantities)
  return sumQuantities(
    all.map((given) => ({ ...given, meter: given.unit === 'seconds' ? 'transcription' : `transcription_${given.meter}` })),
  )
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
