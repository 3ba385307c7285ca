import type { AddressInfo } from 'node:net'
import { createPatientServer } from '../support/patient-server.ts'

/** One meter event as it arrived. */
export interface SeenMeterEvent {
  authorization: string
  idempotencyKey: string
  event_name: string
  identifier: string
  timestamp: string
  /** Fields of the payload by name. */
  payload: Record<string, string>
}

/** Stripe's meter events, on this machine. */
export interface StripeMeter {
  readonly port: number
  /** What was taken, by identifier: the same one again counts once. */
  readonly events: ReadonlyMap<string, SeenMeterEvent>
  /** Everything that was asked, taken or not. */
  readonly asked: readonly SeenMeterEvent[]
  /** Answers the next requests with these statuses, in order; 0 hangs up after the event was taken. What is 500 or more is said again under the same key. */
  fail(...statuses: number[]): void
  /** By how much its clock is behind this machine's, in milliseconds. @defaultValue 0 */
  behindMs: number
  /** Forgets requests, as Stripe does after a day: the same event is then refused, because there is one of its identifier. */
  forget(): void
  close(): Promise<void>
}

/** Starts it on a free port of 127.0.0.1. It takes whole numbers, and customers whose ids begin with `cus_`. */
export async function startStripeMeter(): Promise<StripeMeter> {
  const events = new Map<string, SeenMeterEvent>()
  const asked: SeenMeterEvent[] = []
  const failures: number[] = []
  /** Requests that are answered again as they were, until they are forgotten. */
  const replayed = new Map<string, string>()
  /** Refusals that are said again under their key, as Stripe does whatever an endpoint answered. */
  const refused = new Map<string, [status: number, message: string]>()
  let behindMs = 0
  const server = createPatientServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const form = new URLSearchParams(body)
    const field = (name: string) => form.get(name) ?? ''
    const payload = [...form].flatMap(([name, value]) => {
      const key = /^payload\[(\w+)\]$/.exec(name)?.[1]
      return key === undefined ? [] : [[key, value] as const]
    })
    const event: SeenMeterEvent = {
      authorization: request.headers.authorization ?? '',
      idempotencyKey: String(request.headers['idempotency-key'] ?? ''),
      event_name: field('event_name'),
      identifier: field('identifier'),
      timestamp: field('timestamp'),
      payload: Object.fromEntries(payload),
    }
    asked.push(event)
    const answer = (status: number, json: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
    const refuse = (status: number, message: string) => answer(status, { error: { type: 'invalid_request_error', message } })
    const keep = (status: number, message: string) => {
      refused.set(event.idempotencyKey, [status, message])
      return refuse(status, message)
    }
    const kept = refused.get(event.idempotencyKey)
    if (kept) return refuse(...kept)
    const failure = failures.shift()
    if (failure !== undefined && failure >= 500) return keep(failure, 'it was ordered to fail')
    if (failure !== undefined && failure > 0) return refuse(failure, 'it was ordered to fail')
    if (request.url !== '/v1/billing/meter_events') return refuse(404, 'unrecognized request URL')
    if (!/^-?\d+$/.test(event.payload.value ?? '')) return refuse(400, 'invalid value')
    if (!event.payload.stripe_customer_id?.startsWith('cus_')) return refuse(400, 'no such customer')
    if (Number(event.timestamp) * 1000 > Date.now() - behindMs + 300_000)
      return keep(400, 'The event timestamp cannot be more than 5 minutes in future.')
    const before = replayed.get(event.idempotencyKey)
    if (before !== undefined && before !== body)
      return refuse(400, 'Keys for idempotent requests can only be used with the same parameters.')
    const known = events.get(event.identifier)
    if (known && before === undefined) return refuse(400, `An event already exists with identifier ${event.identifier}.`)
    if (!known) events.set(event.identifier, event)
    replayed.set(event.idempotencyKey, body)
    if (failure === 0) return request.socket.destroy()
    answer(200, {
      object: 'billing.meter_event',
      identifier: event.identifier,
      event_name: event.event_name,
      payload: event.payload,
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    events,
    asked,
    fail: (...statuses) => failures.push(...statuses),
    forget: () => replayed.clear(),
    get behindMs() {
      return behindMs
    },
    set behindMs(milliseconds) {
      behindMs = milliseconds
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
