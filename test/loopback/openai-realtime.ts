import { setTimeout as pause } from 'node:timers/promises'
import type OpenAI from 'openai'
import type { InvoiceLine } from './invoice.ts'
import type { SocketExchange } from './loopback-server.ts'
import { countTokens } from './openai-answers.ts'
import { RealtimeEar } from './openai-realtime-ear.ts'

type ServerEvent = OpenAI.Realtime.RealtimeServerEvent
/** What a client says. */
export type RealtimeClientEvent = OpenAI.Realtime.RealtimeClientEvent
type Session = OpenAI.Realtime.RealtimeSessionCreateRequest

/** What the loopback is told to answer a turn of a conversation with. */
export interface RealtimeAnswer {
  /** What is said. @defaultValue a sentence about the last text */
  text?: string
  /** Milliseconds between its parts. @defaultValue 0 */
  paceMs?: number
  toolCalls?: readonly { id: string; name: string; arguments: string }[]
  /** How the answer ends. @defaultValue `completed` */
  status?: 'completed' | 'incomplete' | 'failed'
  /** With which code it fails. */
  failsWith?: string
  usage?: OpenAI.Realtime.RealtimeResponseUsage
  /** Whether sound of it still comes when it is done. */
  isLate?: boolean
}

/** When transcripts of the user's sound come: they are made beside the answer. `failed`: none can be made, `never`: nobody says so. */
export type RealtimeTranscripts = 'at_once' | 'after_answer' | 'failed' | 'never'

/** Sound of a part of an answer: a tenth of a second of 24 kHz PCM or of telephone sound. */
const PART_BYTES = { 'audio/pcm': 4_800, 'audio/pcmu': 800, 'audio/pcma': 800 } as const

/** A session of OpenAI's Realtime API. It hears pauses, gives one answer at a time, and bills each. */
export function holdSession(
  exchange: SocketExchange,
  answer: (said: string) => RealtimeAnswer,
  heard: RealtimeClientEvent[],
  { repeatsUsage = false, transcripts = 'at_once' }: { repeatsUsage?: boolean; transcripts?: RealtimeTranscripts } = {},
): void {
  const { socket, request, requestId, fault, bill } = exchange
  const model = request.query.get('model') ?? ''
  let session: Session = { type: 'realtime', model, audio: { input: { turn_detection: { type: 'server_vad' } } } }
  let said: string[] = []
  let answers = 0
  let cancelled: string | undefined
  let current: string | undefined
  let ordinal = 0
  /** Transcripts that come when the answer is done. */
  let unwritten: (() => Promise<void>)[] = []
  /** One event after the other, as a session hears them. */
  let hearing = Promise.resolve()
  const ear = new RealtimeEar()

  const send = (event: WithoutId<ServerEvent>) => exchange.send({ event_id: `event_${ordinal++}`, ...event })
  const refuse = (code: string, message: string) =>
    send({ type: 'error', error: { type: 'invalid_request_error', code, message, param: null } })
  const described = () => ({ ...session, id: `sess_${requestId}`, object: 'realtime.session' }) as Session

  async function hear(event: RealtimeClientEvent): Promise<void> {
    switch (event.type) {
      case 'session.update':
        session = merge(session, event.session as Session)
        await send({ type: 'session.updated', session: described() })
        return
      case 'conversation.item.create':
        said.push(textOf(event.item))
        await send({
          type: 'conversation.item.added',
          previous_item_id: null,
          item: { id: `item_${ordinal}`, ...event.item } as never,
        })
        return
      case 'input_audio_buffer.append':
        if (ear.hear(Buffer.from(event.audio, 'base64'), session.audio?.input?.turn_detection != null)) await pauseHeard()
        return
      case 'input_audio_buffer.commit':
        if (ear.bytes === 0) await refuse('input_audio_buffer_commit_empty', 'buffer too small')
        else await commit()
        return
      case 'input_audio_buffer.clear':
        ear.take()
        await send({ type: 'input_audio_buffer.cleared' })
        return
      case 'response.create':
        if (current === undefined) await respond(event.response?.metadata)
        else await refuse('conversation_already_has_active_response', 'an answer is being given')
        return
      case 'response.cancel':
        if (current === undefined) await refuse('response_cancel_not_active', 'no answer is being given')
        cancelled = current
        return
      default:
        await refuse('invalid_value', `unknown event ${event.type}`)
    }
  }

  /** The user paused: what was said is an item, and is answered. */
  async function pauseHeard(): Promise<void> {
    await send({ type: 'input_audio_buffer.speech_started', audio_start_ms: 0, item_id: `item_${ordinal}` })
    await send({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: 500, item_id: `item_${ordinal}` })
    await commit()
    if (current === undefined && session.audio?.input?.turn_detection?.create_response !== false) await respond()
  }

  async function commit(): Promise<void> {
    const seconds = ear.take() / (session.audio?.input?.format?.type === 'audio/pcm' ? 48_000 : 8_000)
    said.push('something aloud')
    const place = { item_id: `item_${ordinal}` }
    await send({ type: 'input_audio_buffer.committed', previous_item_id: null, ...place })
    if (!session.audio?.input?.transcription) return
    const usage = { type: 'duration' as const, seconds }
    const told = { ...place, content_index: 0 }
    const write = async () => {
      if (transcripts === 'never') return
      if (transcripts === 'failed') {
        const error = { type: 'transcription_error', code: 'audio_unintelligible', message: 'nobody understands it' }
        await send({ type: 'conversation.item.input_audio_transcription.failed', ...told, error })
        return
      }
      const type = 'conversation.item.input_audio_transcription.completed' as const
      const written = { type, ...told, transcript: 'something aloud', usage }
      await send(written)
      if (repeatsUsage) await send(written)
    }
    if (transcripts === 'at_once') await write()
    else unwritten.push(write)
  }

  async function respond(metadata: OpenAI.Realtime.RealtimeResponse['metadata'] = null): Promise<void> {
    const id = `resp_${requestId}_${answers++}`
    current = id
    const asked = said.join(' ')
    said = []
    const given = { text: `You said: ${asked}`, ...answer(asked) }
    const usage = given.usage ?? usageOf(asked, given.text)
    const { input_tokens = 0, output_tokens = 0 } = usage
    const line = bill({ model, input: asked, requestId: id, quantities: { input_tokens, output_tokens } })
    const begun = { id, object: 'realtime.response' as const, output: [], status: 'in_progress' as const, metadata }
    await send({ type: 'response.created', response: begun })
    // Given while the session hears on: it can be cancelled.
    give(id, given, usage, line).catch(() => socket.terminate())
  }

  async function give(
    id: string,
    given: RealtimeAnswer & { text: string },
    usage: RealtimeAnswer['usage'],
    line: InvoiceLine,
  ): Promise<void> {
    const base = { id, object: 'realtime.response' as const, output: [] }
    const place = { response_id: id, item_id: `item_${id}`, output_index: 0, content_index: 0 }
    let isServed = false
    // However cleanly the connection ends: what was not given whole was not served.
    socket.once('close', () => setImmediate(() => Object.assign(line, { outcome: isServed ? 'served' : 'broken' })))
    const sound = Buffer.alloc(PART_BYTES[session.audio?.output?.format?.type ?? 'audio/pcm'], 1).toString('base64')
    for (const delta of given.failsWith ? [] : (given.text.match(/\S+\s*/g) ?? [])) {
      await pause(given.paceMs ?? 0)
      if (cancelled === id || socket.readyState !== socket.OPEN) break
      await send({ type: 'response.output_audio_transcript.delta', ...place, delta })
      await send({ type: 'response.output_audio.delta', ...place, delta: sound })
    }
    const isCancelled = cancelled === id
    for (const [index, call] of isCancelled ? [] : (given.toolCalls ?? []).entries()) {
      const item = {
        type: 'function_call' as const,
        call_id: call.id,
        name: call.name,
        arguments: call.arguments,
        status: 'completed' as const,
      }
      await send({ type: 'response.output_item.done', response_id: id, output_index: index + 1, item })
    }
    const status: NonNullable<OpenAI.Realtime.RealtimeResponseStatus['type']> = isCancelled
      ? 'cancelled'
      : given.failsWith
        ? 'failed'
        : (given.status ?? 'completed')
    const isSilent = fault?.fault.type === 'no_usage'
    if (isSilent) fault?.strike()
    current = undefined
    const response = {
      ...base,
      status,
      status_details: {
        type: status,
        ...(status === 'cancelled' ? { reason: 'client_cancelled' as const } : {}),
        ...(given.failsWith ? { error: { type: 'server_error', code: given.failsWith, message: given.text } } : {}),
      },
      ...(isSilent || given.failsWith ? {} : { usage }),
    }
    isServed = await send({ type: 'response.done', response })
    if (repeatsUsage) await send({ type: 'response.done', response })
    if (given.isLate) await send({ type: 'response.output_audio.delta', ...place, delta: sound })
    if (isServed) line.outcome = 'served'
    const late = unwritten
    unwritten = []
    // A model for transcripts takes its time, and that of the answer does not wait for it.
    await pause(20)
    for (const write of late) await write()
  }

  socket.on('message', (data) => {
    const event = JSON.parse(String(data)) as RealtimeClientEvent
    heard.push(event)
    hearing = hearing.then(() => hear(event))
    hearing.catch(() => socket.terminate())
  })
  void send({ type: 'session.created', session: described() })
}

type WithoutId<Event> = Event extends { event_id: string } ? Omit<Event, 'event_id'> : never

function merge(session: Session, update: Session): Session {
  const { input, output } = update.audio ?? {}
  return {
    ...session,
    ...update,
    audio: { input: { ...session.audio?.input, ...input }, output: { ...session.audio?.output, ...output } },
  }
}

function textOf(item: OpenAI.Realtime.ConversationItem): string {
  if (item.type === 'function_call_output') return item.output
  if (item.type !== 'message') return ''
  return item.content.map((part) => ('text' in part ? (part.text ?? '') : '')).join('')
}

function usageOf(asked: string, text: string): OpenAI.Realtime.RealtimeResponseUsage {
  const audio = (text.match(/\S+\s*/g) ?? []).length * 2
  const [input, output] = [countTokens(asked), countTokens(text) + audio]
  return {
    total_tokens: input + output,
    input_tokens: input,
    output_tokens: output,
    input_token_details: {
      text_tokens: input,
      audio_tokens: 0,
      image_tokens: 0,
      cached_tokens: 0,
      cached_tokens_details: { text_tokens: 0, audio_tokens: 0, image_tokens: 0 },
    },
    output_token_details: { text_tokens: output - audio, audio_tokens: audio },
  }
}
