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

/** The key in the metadata of answers that we requested, which the server repeats. */
const MARK = 'requested'

/**
 * The state of a conversation: requested answers, answers in progress, and usage that no turn has reported. OpenAI refuses a
 * second answer while one is in progress, so a request for another waits here.
 */
export class RealtimeTalk {
  /** Whether the caller has received any part of an answer. */
  isAnswering = false
  /** Whether the caller has received any part of an answer since the last turn. */
  hasSaid = false
  #answers = new Set<string>()
  /** We have requested an answer that has not begun. */
  #isRequested = false
  /** The answer that we requested has been cancelled before it began. */
  #isTakenBack = false
  /** A compatible server may refuse the mark. */
  #sendsMarks = true
  /** The server marks the answers that we requested, so we know which it gives by itself. A compatible server may not. */
  #marks = false
  /** We must request another answer when the current one ends. */
  #isWanted = false
  /** The user has paused, and the server will answer without a request. */
  #isExpected = false
  #answersPauses = true
  /** The audio buffer holds audio that has not been committed. */
  #hasSound = false
  #input: 'open' | 'draining' | 'ended' = 'open'
  /** Bytes of audio that the caller received from answers in progress. */
  #untoldBytes = 0
  #transcriptions: Usage[] = []
  #transcribes = false
  /** The items of the user whose transcripts have not arrived. */
  #unwritten = new Set<string>()
  /** The keys of events whose usage has been reported. */
  #told = new Set<string>()
  readonly #socket: Pick<RealtimeSocket, 'send'>
  readonly #outputFormat: SoundFormat
  readonly #onAnswer: (() => void) | undefined

  constructor(socket: Pick<RealtimeSocket, 'send'>, outputFormat: SoundFormat, onAnswer?: () => void) {
    this.#socket = socket
    this.#outputFormat = outputFormat
    this.#onAnswer = onAnswer
  }

  /** Whether the input has ended and no answer is in progress, requested or expected. */
  get isOver(): boolean {
    return this.#input === 'ended' && !this.#isUnderWay && !this.#isExpected
  }

  /** Whether a transcript of the user's speech is still to come, which may be after the answer to it. */
  get isUnwritten(): boolean {
    return this.#unwritten.size > 0
  }

  get #isUnderWay(): boolean {
    return this.#answers.size > 0 || this.#isRequested || this.#isWanted
  }

  /** Sends a piece of the caller's input. */
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
        this.#isTakenBack = this.#isRequested
        if (this.#isUnderWay) send({ type: 'response.cancel' })
    }
  }

  /**
   * Handles the end of the input. No pause follows the audio left in the buffer, so the server will never answer it. Clearing the
   * buffer also confirms that the server has processed everything before, so we know whether an answer is coming.
   */
  end(): void {
    this.#input = this.#hasSound ? 'draining' : 'ended'
    if (this.#hasSound) this.#socket.send({ type: 'input_audio_buffer.clear' })
  }

  /** Whether an event repeats the usage of an answer or a transcription. Call it once for each event. */
  isRepeated(event: RealtimeServerEvent): boolean {
    const key = usageKey(event)
    if (key === undefined) return false
    const isRepeated = this.#told.has(key)
    this.#told.add(key)
    return isRepeated
  }

  /** Whether an event is a part of an answer that has ended. Its turn told of everything, so the part would be charged again. */
  isLate({ response_id }: RealtimeServerEvent): boolean {
    return asText(response_id) !== undefined && this.#told.has(`response ${response_id}`)
  }

  /** Updates the state by a server event. */
  hear(event: RealtimeServerEvent): void {
    const response = asRecord(event.response)
    switch (event.type) {
      case 'session.updated': {
        const input = asRecord(asRecord(asRecord(event.session)?.audio)?.input)
        const detection = asRecord(input?.turn_detection)
        this.#transcribes = asRecord(input?.transcription) !== undefined
        this.#answersPauses = detection !== undefined && detection.create_response !== false
        break
      }
      case 'input_audio_buffer.speech_stopped':
        this.#isExpected = this.#answersPauses && this.#answers.size === 0
        break
      case 'input_audio_buffer.committed':
        this.#hasSound = false
        if (this.#transcribes && asText(event.item_id)) this.#unwritten.add(String(event.item_id))
        break
      case 'input_audio_buffer.cleared':
        if (this.#input === 'draining') this.#input = 'ended'
        break
      case 'response.created': {
        if (this.#told.has(`response ${response?.id}`)) break
        const isMarked = asRecord(response?.metadata)?.[MARK] !== undefined
        this.#marks ||= isMarked
        // Otherwise the server began by itself before our request came. It answers that next, or refuses it.
        if (isMarked || !this.#marks) this.#isRequested = false
        this.#isExpected = false
        this.#answers.add(String(response?.id))
        this.#onAnswer?.()
        break
      }
      case 'response.done':
        // A compatible server may not say that an answer has begun, or only after its end.
        if (!this.#answers.delete(String(response?.id)) && this.#answers.size === 0) {
          this.#isRequested = false
          this.#isExpected = false
        }
        this.#request()
        break
      case 'conversation.item.input_audio_transcription.completed': {
        const usage = readable(() => openaiTranscriptionUsage(event))
        if (usage) this.#transcriptions.push(usage)
        this.#unwritten.delete(String(event.item_id))
        break
      }
      case 'conversation.item.input_audio_transcription.failed':
        this.#unwritten.delete(String(event.item_id))
    }
  }

  /** Whether the conversation can continue after an error that the server reports. */
  forgives(error: Record<string, unknown> | undefined): boolean {
    const code = error?.code
    if (code === 'conversation_already_has_active_response') {
      // The server began to answer a pause just as we requested an answer. Request ours again after that one.
      this.#refused()
      return true
    }
    if (this.#isRequested && this.#sendsMarks && asText(error?.param)?.startsWith('response')) {
      this.#sendsMarks = false
      this.#refused()
      this.#request()
      return true
    }
    return code === 'response_cancel_not_active' || code === 'input_audio_buffer_commit_empty'
  }

  /** Updates the state by an event for the caller. */
  tell(event: RealtimeEvent): void {
    if (event.type === 'audio') this.#untoldBytes += event.audio.length
    // An answer that failed without usage has no turn, so its audio stays untold.
    if (event.type === 'turn') this.#untoldBytes = 0
    const isPart = event.type === 'audio' || event.type === 'text' || event.type === 'tool_call'
    this.hasSaid = event.type !== 'turn' && (this.hasSaid || isPart)
    this.isAnswering ||= isPart
  }

  /** The usage that no turn has reported: transcriptions of the user's speech, and an interrupted answer. */
  get untold(): Usage | undefined {
    const quantities = transcriptionQuantities(this.#transcriptions)
    const tokens = Math.floor(soundSeconds(this.#untoldBytes, this.#outputFormat) * OUTPUT_TOKENS_PER_SECOND)
    if (tokens > 0) quantities.push({ meter: 'audio_output', quantity: quantity(tokens), unit: 'tokens' })
    if (quantities.length === 0) return undefined
    return {
      quantities,
      certainty: tokens > 0 || this.isUnwritten ? 'floor' : 'exact',
      raw: this.#transcriptions.map(({ raw }) => raw),
    }
  }

  #request(): void {
    if (!this.#isWanted || this.#answers.size > 0 || this.#isRequested) return
    this.#isWanted = false
    this.#isRequested = true
    this.#isTakenBack = false
    const response = this.#sendsMarks ? { response: { metadata: { [MARK]: 'true' } } } : {}
    this.#socket.send({ type: 'response.create', ...response })
  }

  /** Notes that the server refused our request for an answer. It is wanted still, unless it was cancelled meanwhile. */
  #refused(): void {
    this.#isRequested = false
    this.#isWanted ||= !this.#isTakenBack
  }
}

/** A key for the answer or transcription whose usage an event reports. `undefined` if it reports none or has no id. */
function usageKey({ type, response, item_id, content_index }: RealtimeServerEvent): string | undefined {
  const id = type === 'response.done' ? asText(asRecord(response)?.id) : undefined
  if (id !== undefined) return `response ${id}`
  const isWritten = type === 'conversation.item.input_audio_transcription.completed' && asText(item_id) !== undefined
  return isWritten ? `item ${item_id} ${content_index}` : undefined
}

/**
 * Tokens per second of an answer's audio.
 *
 * @source https://developers.openai.com/api/docs/guides/realtime-costs ("1 token per 50 ms of audio" of assistant messages)
 */
const OUTPUT_TOKENS_PER_SECOND = 20

/** The usage of transcriptions, under separate meters, because they have a different price from the model's own usage. */
function transcriptionQuantities(usages: readonly Usage[]): UsageQuantity[] {
  const all = usages.flatMap(({ quantities }) => quantities)
  return sumQuantities(
    all.map((given) => ({ ...given, meter: given.unit === 'seconds' ? 'transcription' : `transcription_${given.meter}` })),
  )
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
