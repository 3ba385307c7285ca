import type { Cartesia } from '@cartesia/cartesia-js'
import type { WebSocket } from 'ws'
import { eventQueue } from '../adapter/event-queue.ts'
import { closedSocketError, closeSocket, cutSocket } from '../adapter/socket-end.ts'
import { socketFailure } from './cartesia-error.ts'
import { containThrows } from './contain-throws.ts'
import { loadSocketClasses } from './socket-classes.ts'
import { contextId } from './speech-body.ts'
import { readSpeechEvent, type SpeechSource } from './speech-source.ts'

/**
 * Streams raw audio over a websocket, one for each speech. A shared connection would keep the host's process alive, and an
 * adapter has no moment at which to close it.
 *
 * The SDK's own `generate` never settles when the socket drops, and its `websocket()` turns a refused handshake into an unhandled
 * rejection. So we attach listeners to its emitter and to the socket at once.
 */
export const speechSocket: SpeechSource = async function* speechSocket(connection, call, speech) {
  const client = await call.race(connection.client())
  const { SpeechSocket } = await call.race(loadSocketClasses(connection.name))
  const events = eventQueue<Record<string, unknown>>()
  const emitter = new SpeechSocket(client as unknown as Cartesia, { ...connection.websocket })
  emitter.on('error', (error) => events.fail(socketFailure(error)))
  emitter.on('event', (event) => events.push({ ...event }))
  const { socket } = emitter
  // Always a `ws` socket, because `loadSocketClasses` requires `ws`.
  containThrows(socket as unknown as WebSocket, events.fail)
  socket.addEventListener('close', ({ code }: { code: number }) => events.push({ type: 'closed', code }))
  const cut = () => cutSocket(socket)
  call.signal.addEventListener('abort', cut)
  let isDone = false
  try {
    await call.race(emitter.connect().catch((error: unknown) => Promise.reject(socketFailure(error))))
    const named = contextId(speech.attemptId) ?? crypto.randomUUID()
    speech.hasBegun = true
    socket.send(JSON.stringify({ ...speech.body, context_id: named, continue: false }))
    while (!isDone) {
      const event = await call.race(events.next())
      if (event.type === 'closed') {
        const { isAnswering, ceiling } = speech
        throw closedSocketError(connection.name, { what: 'the speech', code: Number(event.code), isAnswering, usage: ceiling })
      }
      const audio = readSpeechEvent(event, speech)
      isDone = audio === 'done'
      if (audio && audio !== 'done') yield audio
    }
  } finally {
    call.signal.removeEventListener('abort', cut)
    if (isDone) closeSocket(socket)
    else cut()
  }
}
