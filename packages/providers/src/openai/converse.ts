import { type CallContext, ProviderError, type RealtimeEvent, type RealtimeInput, type RealtimeRequest } from '@farebox/core'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { bytesOfBase64 } from '../adapter/bytes.ts'
import { closingMark } from '../adapter/closing-mark.ts'
import { inPieces } from '../adapter/outflow.ts'
import type { OpenaiConnection } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { turnUsage } from './openai-usage.ts'
import { sessionUpdate } from './realtime-session.ts'
import { openRealtimeSocket, type RealtimeServerEvent, type RealtimeSocket } from './realtime-socket.ts'
import { RealtimeTalk } from './realtime-talk.ts'
import { type OpenaiCall, openOpenaiCall } from './send.ts'

/** An event of our own among the server's: the input has ended. */
const INPUT_ENDED = 'input.ended'

/** How long to wait for transcripts once all is answered, in milliseconds. Another model makes them, while the answer is given. */
const TRANSCRIPT_MS_MAX = 10_000

/**
 * Holds a conversation over the Realtime API. It ends when its input has ended, the last answer is complete, and what the user
 * said is written down, if that was asked for. A connection that drops before the end of the last answer makes it `incomplete`. A
 * failed response ends it with an error, because no event would tell the caller.
 */
export async function* converse(
  connection: OpenaiConnection,
  request: RealtimeRequest,
  context: CallContext,
): AsyncGenerator<RealtimeEvent, void, undefined> {
  const call = openOpenaiCall(connection, context)
  let socket: RealtimeSocket | undefined
  let talk: RealtimeTalk | undefined
  let input: AsyncIterator<RealtimeInput> | undefined
  let isDropped = false
  let model = request.model
  let requestId: string | undefined
  try {
    const session = sessionUpdate(connection.name, request)
    socket = await openRealtimeSocket(connection, call, request.model)
    const begun = await openSession(connection, call, socket, session)
    model = asText(begun.model) ?? model
    requestId = asText(begun.id)
    talk = new RealtimeTalk(socket, request.outputFormat, request.onAnswer)
    talk.hear({ type: 'session.updated', session: begun })
    yield { type: 'open', ...(requestId === undefined ? {} : { requestId }) }

    input = request.input[Symbol.asyncIterator]()
    feed(connection.name, input, talk, socket, call).catch(socket.events.close)
    while (!talk.isOver || talk.isUnwritten) {
      const event = await call.race(talk.isOver ? nextTranscript(socket) : nextEvent(socket, () => (isDropped = true)))
      if (!event) break
      if (event.type === INPUT_ENDED) talk.end()
      if (event.type === 'error' && !talk.isOver && !talk.forgives(asRecord(event.error))) throw event.error
      if (talk.isLate(event) || talk.isRepeated(event)) continue
      for (const told of readEvent(event, talk)) {
        talk.tell(told)
        yield told
      }
      // After the caller took the end of an answer: an answer that waits for it must be paid before it is requested.
      talk.hear(event)
      if (event.type === 'response.done') checkAnswer(asRecord(event.response))
    }
  } catch (thrown) {
    const isAnswering = talk !== undefined && (isDropped || talk.isAnswering)
    throw openaiError(connection, thrown, { signal: context.signal, isAnswering, usage: talk?.untold })
  } finally {
    // Not awaited, because an input that waits for its next piece would hold up the end.
    input?.return?.().catch(() => {})
    socket?.end()
    call.end()
  }
  const usage = talk.untold
  yield { type: 'finish', model, ...(usage === undefined ? {} : { usage }), ...(requestId === undefined ? {} : { requestId }) }
}

async function nextEvent({ events }: RealtimeSocket, drop: () => void): Promise<RealtimeServerEvent> {
  try {
    return await events.take()
  } catch (reason) {
    drop()
    throw reason
  }
}

/** The next event of a conversation that lacks only transcripts. It is whole without them, so `undefined` where none comes. */
function nextTranscript({ events }: RealtimeSocket): Promise<RealtimeServerEvent | undefined> {
  return closingMark(
    events.take().catch(() => undefined),
    TRANSCRIPT_MS_MAX,
  )
}

/** Configures the session, and waits for the server to confirm. @returns the session as the server describes it */
async function openSession(
  connection: OpenaiConnection,
  call: OpenaiCall,
  { events, send }: RealtimeSocket,
  update: ReturnType<typeof sessionUpdate>,
): Promise<Record<string, unknown>> {
  for (;;) {
    const event = await call.race(events.take())
    if (event.type === 'error') throw event.error
    if (event.type === 'session.created') send(update)
    if (event.type !== 'session.updated') continue
    const session = asRecord(event.session)
    if (!session) throw malformed(connection.name, 'a session', undefined)
    return session
  }
}

/** Passes the input on, no faster than the network takes it, until the input or the call ends. */
async function feed(
  provider: string,
  input: AsyncIterator<RealtimeInput>,
  talk: RealtimeTalk,
  socket: RealtimeSocket,
  call: OpenaiCall,
): Promise<void> {
  while (!call.signal.aborted) {
    await call.race(socket.drained())
    const step = await call.race(
      input.next().catch((cause: unknown) => {
        throw new ProviderError(`the audio input of a conversation with ${provider} failed`, { provider, kind: 'aborted', cause })
      }),
    )
    if (step.done) return socket.events.put({ type: INPUT_ENDED })
    for (const piece of smallInputs(step.value)) {
      await call.race(socket.drained())
      // After the end, what is sent would wait in the buffer of a closed socket.
      if (call.signal.aborted) return
      talk.feed(piece)
    }
  }
}

/** The input, with its sound in pieces that a slow network can take one by one. */
function* smallInputs(input: RealtimeInput): Generator<RealtimeInput> {
  if (input.type === 'audio') for (const audio of inPieces(input.audio)) yield { ...input, audio }
  else yield input
}

/** Translates a server event for the caller. Some compatible servers still use the older event names. */
function readEvent(event: RealtimeServerEvent, { hasSaid }: Pick<RealtimeTalk, 'hasSaid'>): RealtimeEvent[] {
  switch (event.type) {
    case 'conversation.item.input_audio_transcription.completed': {
      const text = asText(event.transcript)
      return text ? [{ type: 'heard', text }] : []
    }
    case 'response.output_audio.delta':
    case 'response.audio.delta': {
      const audio = asText(event.delta)
      return audio ? [{ type: 'audio', audio: bytesOfBase64(audio) }] : []
    }
    case 'response.output_audio_transcript.delta':
    case 'response.audio_transcript.delta':
    case 'response.output_text.delta':
    case 'response.text.delta': {
      const text = asText(event.delta)
      return text ? [{ type: 'text', text }] : []
    }
    case 'response.output_item.done': {
      const item = asRecord(event.item)
      // An interrupted call has incomplete arguments.
      if (item?.type !== 'function_call' || item.status === 'incomplete') return []
      const [id, name] = [asText(item.call_id), asText(item.name)]
      return id && name ? [{ type: 'tool_call', id, name, arguments: asText(item.arguments) ?? '' }] : []
    }
    case 'response.done':
      return readTurn(asRecord(event.response) ?? {}, hasSaid)
    default:
      return []
  }
}

/** The `turn` event of an answer, whether complete, cancelled or cut off. An answer that failed without usage has none. */
function readTurn(response: Record<string, unknown>, hasSaid: boolean): RealtimeEvent[] {
  const told = turnUsage(response.usage)
  // Some servers write zeros because they do not count. For an answer that said nothing, zero may be right.
  const usage = hasSaid && told?.quantities.every(({ quantity }) => quantity === 0n) ? undefined : told
  if (response.status === 'failed' && usage === undefined) return []
  const isComplete = response.status === 'completed'
  return [{ type: 'turn', turnId: asText(response.id) ?? '', isComplete, ...(usage === undefined ? {} : { usage }) }]
}

/** Throws the error of a failed answer. */
function checkAnswer(response: Record<string, unknown> | undefined): void {
  if (response?.status === 'failed') throw asRecord(response.status_details)?.error
}
