import type { CallContext, ProviderRecord, RecordsRange } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { ask } from './ask.ts'
import { readEnd } from './read-call.ts'
import type { TwilioConnection } from './twilio-client.ts'

const DAY_MS = 86_400_000
/** The most queries for one range. */
const WINDOWS_MAX = 32
/** The most calls that Twilio puts on a page. */
const PAGE_SIZE = 1_000

/**
 * The calls that began in a range, oldest first. Twilio lists the newest first, so this reads the range in windows, and sorts
 * each before yielding it.
 *
 * Windows are whole days in UTC, because Twilio documents its filter by date and does not say how it treats a time of day. This
 * drops calls outside the range, and inbound calls.
 */
export async function* callRecords(
  connection: TwilioConnection,
  range: RecordsRange,
  context: CallContext,
): AsyncGenerator<ProviderRecord, void, undefined> {
  const call = openCall(connection.name, context.signal)
  try {
    for (const window of windowsOf(range)) {
      const records: ProviderRecord[] = []
      const filter = {
        startTimeAfter: new Date(window.from),
        startTimeBefore: new Date(window.until),
        to: range.to,
        pageSize: PAGE_SIZE,
      }
      let page = await ask(connection, call, context, (client) => client.calls.page(filter))
      for (;;) {
        const { instances, nextPage } = (asRecord(page) ?? {}) as { instances?: unknown[]; nextPage?: () => PromiseLike<unknown> }
        for (const instance of instances ?? []) records.push(...recordOf(instance))
        const next = await ask(connection, call, context, async () => nextPage?.call(page))
        if (next === undefined) break
        page = next
      }
      const from = Math.max(window.from, range.from)
      const until = Math.min(window.until, range.until)
      // Times are whole seconds. Calls of the same second keep Twilio's order, reversed.
      yield* records
        .reverse()
        .filter(({ at }) => at >= from && at < until)
        .sort((left, right) => left.at - right.at)
    }
  } finally {
    call.end()
  }
}

function windowsOf({ from, until }: RecordsRange): { from: number; until: number }[] {
  if (!(from < until)) return []
  const first = Math.floor(from / DAY_MS)
  const end = Math.ceil(until / DAY_MS)
  const days = Math.max(1, Math.ceil((end - first) / WINDOWS_MAX))
  return Array.from({ length: Math.ceil((end - first) / days) }, (_, index) => ({
    from: (first + index * days) * DAY_MS,
    until: Math.min(end, first + (index + 1) * days) * DAY_MS,
  }))
}

/**
 * The record of a call. None for an inbound call, or one without an id or a time. A call not yet dialled has its creation time.
 */
function recordOf(instance: unknown): ProviderRecord[] {
  const given = asRecord(instance)
  const requestId = asText(given?.sid)
  const at = timeOf(given?.startTime) ?? timeOf(given?.dateCreated)
  if (requestId === undefined || at === undefined || INBOUND.has(given?.direction)) return []
  const end = readEnd(given)
  const to = asText(given?.to)
  return [
    {
      requestId,
      service: 'phone',
      at,
      // Twilio does not charge a call that never connected, so there is no price to wait for.
      status: end !== undefined && (asText(given?.price) !== undefined || end.status !== 'completed') ? 'final' : 'pending',
      ...(to === undefined ? {} : { to }),
      ...(end?.usage === undefined ? {} : { usage: end.usage }),
      ...(end?.cost === undefined ? {} : { cost: end.cost }),
    },
  ]
}

/** @source the specification of Twilio's API, `direction`: the second is an incoming call that reaches you by a SIP trunk */
const INBOUND: ReadonlySet<unknown> = new Set(['inbound', 'trunking-originating'])

function timeOf(date: unknown): number | undefined {
  return date instanceof Date && !Number.isNaN(date.getTime()) ? date.getTime() : undefined
}
