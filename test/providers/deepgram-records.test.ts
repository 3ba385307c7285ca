import { formatQuantity, formatUsd, type ProviderRecord } from '@farebox/core'
import { deepgram } from '@farebox/providers/deepgram'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type DeepgramLoggedRequest,
  type DeepgramLoopback,
  type DeepgramLoopbackOptions,
  startDeepgramLoopback,
} from '../loopback/deepgram.ts'
import { legacyError } from '../loopback/deepgram-answers.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }
const range = { from: Date.parse('2026-11-20T00:00:00Z'), until: Date.parse('2026-11-21T00:00:00Z') }

let loopback: DeepgramLoopback | undefined
afterEach(() => loopback?.close())

async function read(given: DeepgramLoopbackOptions, { projectId }: { projectId?: string } = {}) {
  loopback = await startDeepgramLoopback(given)
  const adapter = deepgram({ apiKey: loopback.apiKey, baseUrl: loopback.url, projectId })
  const found: ProviderRecord[] = []
  for await (const record of adapter.records?.(range, context) ?? []) found.push(record)
  return found
}

function logged(id: string, created: string, details?: Record<string, unknown>, more: DeepgramLoggedRequest = {}) {
  const response = details === undefined ? {} : { response: { details } }
  return { request_id: id, created, path: '/v1/listen', code: 200, ...response, ...more }
}

describe('the records of Deepgram', () => {
  it('tell oldest first what was billed for each request in the range', async () => {
    const found = await read({
      requests: [
        logged('r4', '2026-11-21T00:00:00Z', { usd: 1, duration: 1 }),
        logged('r3', '2026-11-20T18:00:00.123456Z', { usd: 0.00333061, duration: 25.933313, channels: 1 }),
        logged('r2', '2026-11-20T12:00:00', { usd: 0.03 }, { path: '/v1/speak' }),
        logged('r1', '2026-11-20T00:00:00Z', { usd: '0.0077', duration: 60 }),
        logged('r0', '2026-11-19T23:59:59Z', { usd: 1, duration: 1 }),
      ],
    })
    expect(found.map(({ requestId, service, at, status }) => [requestId, service, new Date(at).toISOString(), status])).toEqual([
      ['r1', 'voice_stt', '2026-11-20T00:00:00.000Z', 'final'],
      ['r2', 'voice_tts', '2026-11-20T12:00:00.000Z', 'final'],
      ['r3', 'voice_stt', '2026-11-20T18:00:00.123Z', 'final'],
    ])
    expect(found.map(({ cost }) => cost && formatUsd(cost))).toEqual(['0.0077', '0.03', '0.00333061'])
    expect(found.map(({ usage }) => usage?.quantities.map(({ quantity }) => formatQuantity(quantity)))).toEqual([
      ['60'],
      undefined,
      ['25.933313'],
    ])
    const { query } = loopback?.requests[1] ?? {}
    expect(Object.fromEntries(query ?? [])).toEqual({
      start: '2026-11-20T00:00:00+00:00',
      end: '2026-11-21T00:00:00+00:00',
      limit: '1000',
    })
  })

  it.each([
    [0.1 + 0.2, '0.3'],
    [7.5e-7, '0.00000075'],
    [0.000128333333333, '0.000128333'],
    ['0.000128333333333', '0.000128333'],
    ['0.0000000005', '0.000000001'],
    [0, '0'],
    [-1, undefined],
    ['free', undefined],
    [null, undefined],
    [Number.NaN, undefined],
  ])('read an amount of %j dollars digit by digit', async (usd, expected) => {
    const [record] = await read({ requests: [logged('r1', '2026-11-20T01:00:00Z', { usd, duration: 1 })] })
    expect(record?.cost === undefined ? undefined : formatUsd(record.cost)).toBe(expected)
    expect(record?.status).toBe(expected === undefined ? 'pending' : 'final')
  })

  it('ask for a request by itself where the list says nothing of its cost', async () => {
    const found = await read({
      requests: [logged('r2', '2026-11-20T02:00:00Z'), logged('r1', '2026-11-20T01:00:00Z', { usd: 1, duration: 2 })],
      details: { r2: { usd: 0.5, duration: 3 } },
    })
    expect(found.map(({ cost }) => cost && formatUsd(cost))).toEqual(['1', '0.5'])
    expect(loopback?.requests.map(({ path }) => path.split('/').at(-1))).toEqual(['projects', 'requests', 'r2'])
  })

  it('are pending while there is no price, and final at once for what failed', async () => {
    const found = await read({
      requests: [logged('r2', '2026-11-20T02:00:00Z', { duration: 3 }), logged('r1', '2026-11-20T01:00:00Z', {}, { code: 402 })],
    })
    expect(found.map(({ status, cost }) => [status, cost])).toEqual([
      ['final', undefined],
      ['pending', undefined],
    ])
  })

  it('turn over all pages, and read each request once', async () => {
    const requests = Array.from({ length: 2_500 }, (_, index) =>
      logged(`r${index}`, new Date(range.until - 1_000 * (index + 1)).toISOString(), { usd: 0.001, duration: 1 }),
    )
    const found = await read({ requests })
    expect(found).toHaveLength(2_500)
    expect(found[0]?.requestId).toBe('r2499')
    expect(loopback?.requests.slice(1).map(({ query }) => query.get('page'))).toEqual([null, '1', '2'])
  })

  it('leave out what this adapter does not sell, and what cannot be read', async () => {
    const found = await read({
      requests: [
        logged('r1', '2026-11-20T01:00:00Z', { usd: 1 }, { path: '/v1/read' }),
        logged('r2', 'yesterday', { usd: 1 }),
        { created: '2026-11-20T01:00:00Z', path: '/v1/listen' },
        logged('r3', '2026-11-20T03:00:00Z', { usd: 1, duration: 'long' }, { path: '/v1/listen?model=nova-3' }),
      ],
    })
    expect(found.map(({ requestId, usage }) => [requestId, usage])).toEqual([['r3', undefined]])
  })

  it('are those of the project that was named, without asking for any', async () => {
    const projects = ['p-1', 'p-2']
    await read({ projects, requests: [] }, { projectId: 'p-2' })
    expect(loopback?.requests.map(({ path }) => path)).toEqual(['/v1/projects/p-2/requests'])
    await loopback?.close()
    await expect(read({ projects, requests: [] })).rejects.toMatchObject({ kind: 'invalid_request' })
    await loopback?.close()
    await expect(read({ projects: [] })).rejects.toMatchObject({ kind: 'malformed' })
    await loopback?.close()
    await expect(read({}, { projectId: 'p-9' })).rejects.toMatchObject({ kind: 'authentication', status: 404 })
  })

  it('need a key that may read them, and end with the signal', async () => {
    loopback = await startDeepgramLoopback()
    const adapter = deepgram({ apiKey: loopback.apiKey, baseUrl: loopback.url, projectId: 'p' })
    const next = (signal = context.signal) =>
      adapter
        .records?.(range, { ...context, signal })
        [Symbol.asyncIterator]()
        .next()
    loopback.fail({ type: 'status', status: 403, body: legacyError('INSUFFICIENT_PERMISSIONS', 'usage:read is needed') })
    await expect(next()).rejects.toMatchObject({ kind: 'authentication', status: 403 })
    const fault = loopback.fail({ type: 'silence' })
    const controller = new AbortController()
    const failure = expect(next(controller.signal)).rejects.toMatchObject({ kind: 'aborted' })
    await fault.struck
    controller.abort()
    await failure
    fault.release()
  })
})
