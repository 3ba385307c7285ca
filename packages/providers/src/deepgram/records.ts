import {
  type CallContext,
  type NanoUsd,
  nanoUsd,
  ProviderError,
  type ProviderRecord,
  type RecordsRange,
  type Service,
} from '@farebox/core'
import { asCount, asRecord, asText, malformed } from '../adapter/answer.ts'
import { type Call, openCall } from '../adapter/call.ts'
import { readable } from '../adapter/readable-usage.ts'
import { deepgramUsage } from '../usage/deepgram.ts'
import type { DeepgramConnection } from './deepgram-client.ts'
import { deepgramError } from './deepgram-error.ts'
import { send } from './send.ts'

const PAGE_SIZE = 1_000

/**
 * Deepgram's records of the requests in a range of time, oldest first, with the amount that it billed for each. The key needs the
 * scope `usage:read`. Requests to services that this adapter does not sell, such as text analysis, are left out.
 */
export async function* records(
  connection: DeepgramConnection,
  range: RecordsRange,
  context: CallContext,
  projectId?: string,
): AsyncGenerator<ProviderRecord, void, undefined> {
  const call = openCall(connection.name, context.signal)
  try {
    const project = projectId ?? (await onlyProject(connection, call))
    const found: ProviderRecord[] = []
    for (const listed of await listRequests(connection, call, project, range)) {
      const request = hasDetails(listed) ? listed : await readRequest(connection, call, project, listed)
      found.push(...readRecord(request).filter(({ at }) => at >= range.from && at < range.until))
    }
    // Deepgram lists the newest first.
    yield* found.sort((a, b) => a.at - b.at)
  } catch (thrown) {
    throw deepgramError(connection, thrown, context)
  } finally {
    call.end()
  }
}

/** The key's only project, for when the options name none. */
async function onlyProject(connection: DeepgramConnection, call: Call): Promise<string> {
  const { data, requestId } = await send(connection, call, (client, options) => client.manage.v1.projects.list(options))
  const projects = asRecord(data)?.projects
  const ids = (Array.isArray(projects) ? projects : []).flatMap((project) => asText(asRecord(project)?.project_id) ?? [])
  const [id] = ids
  if (id === undefined) throw malformed(connection.name, 'a project', requestId)
  if (ids.length === 1) return id
  throw new ProviderError(`the key of ${connection.name} sees ${ids.length} projects: say which by deepgram({ projectId })`, {
    provider: connection.name,
    kind: 'invalid_request',
    requestId,
  })
}

/** All requests of a range, without duplicates: new requests may push old ones to a later page during the listing. */
async function listRequests(
  connection: DeepgramConnection,
  call: Call,
  project: string,
  { from, until }: RecordsRange,
): Promise<Record<string, unknown>[]> {
  const found = new Map<string, Record<string, unknown>>()
  let page: number | undefined
  for (;;) {
    const query = { start: timestamp(Math.floor(from / 1000)), end: timestamp(Math.ceil(until / 1000)), limit: PAGE_SIZE, page }
    const { data, requestId } = await send(connection, call, (client, options) =>
      client.manage.v1.projects.requests.list(project, query, options),
    )
    const answer = asRecord(data)
    if (!Array.isArray(answer?.requests)) throw malformed(connection.name, 'a list of requests', requestId)
    const before = found.size
    for (const listed of answer.requests) {
      const request = asRecord(listed)
      const id = asText(request?.request_id)
      if (request && id !== undefined) found.set(id, request)
    }
    // A server without paging repeats the same page.
    const isLast = answer.requests.length < (asCount(answer.limit) ?? PAGE_SIZE) || found.size === before
    if (isLast) return [...found.values()]
    page = (asCount(answer.page) ?? page ?? 0) + 1
  }
}

async function readRequest(
  connection: DeepgramConnection,
  call: Call,
  project: string,
  listed: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const { data } = await send(connection, call, (client, options) =>
    client.manage.v1.projects.requests.get(project, String(listed.request_id), options),
  )
  return { ...listed, ...(asRecord(asRecord(data)?.request) ?? asRecord(data)) }
}

function hasDetails(request: Record<string, unknown>): boolean {
  return asRecord(asRecord(request.response)?.details) !== undefined
}

/** A request as a record. None if its service is not ours, or it lacks its id or its time. */
function readRecord(request: Record<string, unknown>): ProviderRecord[] {
  const requestId = asText(request.request_id)
  const service = SERVICE_BY_ENDPOINT.get(/^\/?v\d+\/([a-z]+)/.exec(asText(request.path) ?? '')?.[1] ?? '')
  const at = readTime(asText(request.created) ?? '')
  if (requestId === undefined || service === undefined || Number.isNaN(at)) return []
  const details = asRecord(asRecord(request.response)?.details)
  const cost = usdOf(details?.usd)
  // Deepgram never bills a failed request, so its cost is final.
  const isFailed = typeof request.code === 'number' && request.code >= 400
  const usage = service === 'voice_stt' ? readable(() => deepgramUsage(details)) : undefined
  return [
    {
      requestId,
      service,
      at,
      status: cost !== undefined || isFailed ? 'final' : 'pending',
      ...(usage === undefined ? {} : { usage }),
      ...(cost === undefined ? {} : { cost }),
    },
  ]
}

const SERVICE_BY_ENDPOINT: ReadonlyMap<string, Service> = new Map([
  ['listen', 'voice_stt'],
  ['speak', 'voice_tts'],
])

/**
 * Deepgram's amount in US dollars, a number or a text, rounded to the nearest nano-USD. It works on the decimal digits, because
 * float arithmetic would add errors.
 */
function usdOf(value: unknown): NanoUsd | undefined {
  const text = typeof value === 'number' && Number.isFinite(value) ? value.toFixed(NANO_DECIMALS) : asText(value)
  const [, dollars, decimals = ''] = /^(\d{1,12})(?:\.(\d{1,30}))?$/.exec(text ?? '') ?? []
  if (dollars === undefined) return undefined
  const rounding = (decimals[NANO_DECIMALS] ?? '0') >= '5' ? 1n : 0n
  return nanoUsd(BigInt(dollars + decimals.slice(0, NANO_DECIMALS).padEnd(NANO_DECIMALS, '0')) + rounding)
}

const NANO_DECIMALS = 9

/** `YYYY-MM-DDTHH:MM:SS+00:00`, the format with a time zone that Deepgram accepts. */
function timestamp(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}+00:00`
}

/** Parses a time. One without a zone is UTC, while `Date.parse` would take it for local time. */
function readTime(text: string): number {
  return Date.parse(/(Z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`)
}
