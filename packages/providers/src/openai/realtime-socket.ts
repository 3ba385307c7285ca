import type { IncomingMessage } from 'node:http'
import { ProviderError } from '@farebox/core'
import type OpenAI from 'openai'
import type { OpenAIRealtimeWS } from 'openai/realtime/ws'
import type { RealtimeClientEvent } from 'openai/resources/realtime/realtime'
import { asRecord } from '../adapter/answer.ts'
import { type Inbox, openInbox } from '../adapter/inbox.ts'
import { importSdk, passOn } from '../adapter/sdk-connection.ts'
import type { OpenaiConnection } from './openai-client.ts'
import type { OpenaiCall } from './send.ts'

/** An event of the server, or what a conversation puts between them for itself. */
export type RealtimeServerEvent = Record<string, unknown>

/** A session of the Realtime API over its websocket. */
export interface RealtimeSocket {
  /** What the server says. Taking fails when the connection was refused, broke or was closed. */
  events: Inbox<RealtimeServerEvent>
  send(event: RealtimeClientEvent): void
  /** Waits until little of what was sent is still on its way out. */
  drained(): Promise<void>
  /** Closes the connection, at once. */
  end(): void
}

/** Bytes on their way out above which nothing is read from the caller: some ten seconds of sound as it is sent. */
const UNSENT_BYTES_MAX = 1_000_000
/** A refusal's body that is longer than this is none of OpenAI's. */
const REFUSAL_BYTES_MAX = 65_536

/**
 * Opens the websocket of a session with the SDK, which does not open it again when it drops: a second session would know nothing of
 * the first, and be paid for.
 */
export async function openRealtimeSocket(connection: OpenaiConnection, call: OpenaiCall, model: string): Promise<RealtimeSocket> {
  const client = await call.race(connection.client())
  const needs = '"openai" (^6.30 or ^7) and "ws"'
  const sdk = await call.race(importSdk(connection.name, needs, () => import('openai/realtime/ws').catch(passOn)))
  const { websocket = {}, target = client } = connection.realtime
  if (target.baseURL === undefined || target.apiKey === undefined) {
    const message = `the client that ${connection.name} was given has no apiKey and baseURL, which a websocket is opened with`
    throw new ProviderError(message, { provider: connection.name, kind: 'unsupported' })
  }
  const headers = { ...websocket.headers, ...filled(connection.headers), ...call.headers }
  const props = { model, options: { ...websocket, headers } }
  // A whole client may have a key that changes, which only `create` asks for. Of a slice, the SDK takes what it finds.
  const opening = isWhole(target)
    ? sdk.OpenAIRealtimeWS.create(target, props)
    : Promise.resolve(new sdk.OpenAIRealtimeWS(props, target as { apiKey: string; baseURL: string }))
  return call.race(opening.then((opened) => attach(opened, call)))
}

/** Listens before anything can happen: an error that nobody listens to would end the process. */
function attach(opened: OpenAIRealtimeWS, call: OpenaiCall): RealtimeSocket {
  const events = openInbox<RealtimeServerEvent>()
  opened.on('event', (event) => events.put({ ...event }))
  // What the server reports as an error comes as an event too; only what has none is a failure of the connection.
  opened.on('error', (error) => {
    if (error.error === undefined) events.close(error)
  })
  opened.socket.on('close', (code) => events.close({ code: `websocket_closed_${code}` }))
  opened.socket.on('unexpected-response', (_request, response) => {
    readRefusal(response).then((refusal) => events.close(refusal))
  })
  const end = () => {
    opened.close()
    // The other side may never say goodbye, and keeps the answer running until it knows that nobody listens.
    opened.socket.terminate()
  }
  if (call.signal.aborted) end()
  return {
    events,
    end,
    send: (event) => opened.send(event),
    drained: async () => {
      while (opened.socket.bufferedAmount > UNSENT_BYTES_MAX) await new Promise((resolve) => setTimeout(resolve, 10))
    },
  }
}

/** What the server answered instead of opening a session, as the SDK words an error. */
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
    // The status says enough.
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
