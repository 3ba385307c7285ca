import type { CallContext, ProviderRecord, RecordsRange } from '@farebox/core'
import { asRecord, asText } from '../adapter/answer.ts'
import { openCall } from '../adapter/call.ts'
import { ask } from './ask.ts'
import { readEnd } from './read-call.ts'
import type { TwilioConnection } from './twilio-client.ts'

const DAY_MS = 86_400_000
/** Queries that a long range is split into at most. */
const WINDOWS_MAX = 32
/** Calls that Twilio puts on a page at most. */
const PAGE_SIZE = 1_000

/**
 * The calls that began in a range, oldest first. Twilio lists the newest first, so a range is read in windows, each of which is put in order
 * before it is handed out.
 *
 * Windows are whole days in UTC: Twilio documents its filter by dates, and what it makes of a time of day it does not say. So more is asked for
 * than is wanted, and what is outside of the range is left out here. So are calls that others made to us.
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
      // Times are whole seconds; within one, the order is Twilio's, turned round.
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

/** None for what is no call of ours, or has no time. A call that was not dialled yet has the time at which it was placed. */
function recordOf(instance: unknown): ProviderRecord[] {
  const given = asRecord(instance)
  const requestId = asText(given?.sid)
  const at = timeOf(given?.startTime) ?? timeOf(given?.dateCreated)
  if (requestId === undefined || at === undefined || given?.direction === 'inbound') return []
  const end = readEnd(given)
  const to = asText(given?.to)
  return [
    {
      requestId,
      service: 'phone',
      at,
      // A call that was never connected is not charged, so it has no price to wait for.
      status: end !== undefined && (asText(given?.price) !== undefined || end.status !== 'completed') ? 'final' : 'pending',
      ...(to === undefined ? {} : { to }),
      ...(end?.usage === undefined ? {} : { usage: end.usage }),
      ...(end?.cost === undefined ? {} : { cost: end.cost }),
    },
  ]
}

function timeOf(date: unknown): number | undefined {
  return date instanceof Date && !Number.isNaN(date.getTime()) ? date.getTime() : undefined
}
