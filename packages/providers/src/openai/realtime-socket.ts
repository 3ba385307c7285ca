import type { IncomingMessage } from 'node:http'
import { ProviderError } from '@farebox/core'
import type OpenAI from 'openai'
import type { OpenAIRealtimeWS } from 'openai/realtime/ws'
import type { RealtimeClientEvent } from 'openai/resources/realtime/realtime'
import { asRecord } from '../adapter/answer.ts'
import { type Inbox, openInbox } from '../adapter/inbox.ts'
import { Outflow } from '../adapter/outflow.ts'
import { importSdk, passOn } from '../adapter/sdk-connection.ts'
import type { OpenaiConnection } from './openai-client.ts'
import type { OpenaiCall } from './send.ts'

/** A server event, or one that the conversation itself puts among them. */
export type RealtimeServerEvent = Record<string, unknown>

/** The websocket of a Realtime API session. */
export interface RealtimeSocket {
  /** The server's events. `take` rejects once the server has refused the connection, or it broke, closed or takes no more. */
  events: Inbox<RealtimeServerEvent>
  send(event: RealtimeClientEvent): void
  /** Waits until few sent bytes are still buffered. */
  drained(): Promise<void>
  /** Closes the connection at once. */
  end(): void
}

/** With more bytes buffered than this, some ten seconds of encoded audio, the adapter stops reading the caller's input. */
const UNSENT_BYTES_MAX = 1_000_000
/** OpenAI's own refusals have shorter bodies than this. */
const REFUSAL_BYTES_MAX = 65_536

/**
 * Opens a session's websocket with the SDK, which does not reopen it when it drops. A second session would have no memory of the
 * first, and cost money.
 */
export async function openRealtimeSocket(connection: OpenaiConnection, call: OpenaiCall, model: string): Promise<RealtimeSocket> {
  const client = await call.race(connection.client())
  const needs = '"openai" (^6.30 or ^7) and "ws"'
  const sdk = await call.race(importSdk(connection.name, needs, importSockets))
  const { websocket = {}, target = client } = connection.realtime
  if (target.baseURL === undefined || target.apiKey === undefined) {
    const message = `the client that ${connection.name} was given has no apiKey and baseURL, which a websocket is opened with`
    throw new ProviderError(message, { provider: connection.name, kind: 'unsupported' })
  }
  const headers = { ...websocket.headers, ...filled(connection.headers), ...call.headers }
  const props = { model, options: { ...websocket, headers } }
  // A full client may have a function for its key, which only `create` calls. A partial client needs the constructor.
  const opening = isWhole(target)
    ? sdk.OpenAIRealtimeWS.create(target, props)
    : Promise.resolve(new sdk.OpenAIRealtimeWS(props, target as { apiKey: string; baseURL: string }))
  return call.race(opening.then((opened) => attach(opened, call)))
}

async function importSockets(): Promise<typeof import('openai/realtime/ws')> {
  try {
    return await import('openai/realtime/ws')
  } catch (error) {
    return passOn(error)
  }
}

/** Attaches listeners before anything can happen, because an error without a listener would end the process. */
function attach(opened: OpenAIRealtimeWS, call: OpenaiCall): RealtimeSocket {
  const events = openInbox<RealtimeServerEvent>()
  opened.on('event', (event) => events.put({ ...event }))
  // An error that the server reports also arrives as an event. Only an error without one is a connection failure.
  opened.on('error', (error) => {
    if (error.error === undefined) events.close(error)
  })
  opened.socket.on('close', (code) => events.close({ code: `websocket_closed_${code}` }))
  opened.socket.on('unexpected-response', (_request, response) => {
    readRefusal(response).then((refusal) => events.close(refusal))
  })
  const outflow = new Outflow(() => opened.socket.bufferedAmount, events.close)
  const end = () => {
    outflow.stop()
    opened.close()
    // The server may never complete the close handshake, and would keep generating until it notices.
    opened.socket.terminate()
  }
  if (call.signal.aborted) end()
  return {
    events,
    end,
    send: (event) => outflow.send(() => opened.send(event)),
    drained: async () => {
      while (opened.socket.bufferedAmount > UNSENT_BYTES_MAX) await new Promise((resolve) => setTimeout(resolve, 10))
    },
  }
}

/** The server's answer when it refuses the session, in the shape of an SDK error. */
async function readRefusal(response: IncomingMessage): Promise<object> {
  const { statusCode: status } = response
  const headers = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of response) {
      length += (chunk as Uint8Array).length
      if (length > REFUSAL_BYTES_MAX) break
      chunks.push(chunk as Uint8Array)
    }
  } catch {
    // The status is enough.
  }
  const { code, type, param } = asRecord(parse(Buffer.concat(chunks).toString('utf8'))?.error) ?? {}
  return { status, headers, requestID: headers.get('x-request-id'), code, type, param }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return asRecord(JSON.parse(text))
  } catch {
    return undefined
  }
}

function filled(headers: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null))
}

function isWhole(client: object): client is OpenAI {
  return '_callApiKey' in client
}
