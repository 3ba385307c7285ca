import { inspect } from 'node:util'
import { type LivekitOptions, livekit } from '@farebox/providers/livekit'
import * as sdk from 'livekit-server-sdk'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../loopback/faults.ts'
import { type LivekitLoopback, type LivekitLoopbackOptions, startLivekitLoopback, type WebhookJson } from '../loopback/livekit.ts'
import { readClaims } from '../loopback/livekit-jwt.ts'
import { failureOf } from './outcomes.ts'

let loopback: LivekitLoopback | undefined
afterEach(async () => {
  vi.unstubAllEnvs()
  await loopback?.close()
  loopback = undefined
})

async function open(given: LivekitLoopbackOptions = {}, options: LivekitOptions = {}) {
  loopback = await startLivekitLoopback(given)
  const { url, apiKey, apiSecret } = loopback
  return { server: loopback, adapter: livekit({ url, apiKey, apiSecret, ...options }) }
}

describe('livekit without all of its keys', () => {
  it('is disabled, says how to enable it, takes none from the environment, and still lists what it would sell', async () => {
    vi.stubEnv('LIVEKIT_API_KEY', 'APIenvironment')
    vi.stubEnv('LIVEKIT_API_SECRET', 'secret-of-the-environment')
    vi.stubEnv('LIVEKIT_URL', 'http://127.0.0.1:1')
    for (const options of [{}, { url: 'https://x.livekit.cloud', apiKey: 'k' }, { url: ' ', apiKey: 'k', apiSecret: 's' }]) {
      const adapter = livekit(options)
      expect(adapter.availability).toEqual({ status: 'disabled', reason: expect.stringContaining('LIVEKIT_API_SECRET') })
      expect(adapter.offers).toMatchObject([{ service: 'realtime', provider: 'livekit', model: 'webrtc-participant' }])
      const failures = [
        adapter.rooms.list(),
        adapter.token({ identity: 'ann', room: 'r' }),
        adapter.webhook('{}', 'x'),
        adapter.dial({ trunkId: 't', to: '+15551234567', room: 'r', identity: 'p', durationSecondsMax: 60 }),
      ]
      for (const failure of failures) expect(await failureOf(failure)).toMatchObject({ kind: 'authentication' })
    }
  })
})

describe('the rooms of LiveKit', () => {
  it('are opened, listed, looked into and closed', async () => {
    const { adapter, server } = await open()
    const limits = { participantsMax: 4, emptySecondsMax: 60, departureSecondsMax: 5 }
    const room = await adapter.rooms.create({ name: 'clinic', metadata: 'wf_1', ...limits })
    expect(room).toEqual({ sid: 'RM_clinic_1', name: 'clinic', createdAt: 1_795_000_000_000, participants: 0, metadata: 'wf_1' })
    expect(server.requests[0]).toMatchObject({
      path: '/twirp/livekit.RoomService/CreateRoom',
      body: { name: 'clinic', metadata: 'wf_1', maxParticipants: 4, emptyTimeout: 60, departureTimeout: 5 },
    })
    expect((await adapter.rooms.create({ name: 'clinic' })).sid).toBe(room.sid)
    await adapter.rooms.create({ name: 'other' })
    server.join('clinic', { sid: 'PA_1', identity: 'ann', state: 'ACTIVE', joinedAt: '1795000010' })
    server.join('clinic', { sid: 'PA_2', identity: 'phone', kind: 'SIP', joinedAt: '1795000020' })
    expect((await adapter.rooms.list(['clinic'])).map(({ name, participants }) => `${name} ${participants}`)).toEqual([
      'clinic 2',
    ])
    expect(await adapter.rooms.list()).toHaveLength(2)
    // LiveKit takes an empty list for none at all, and would list rooms that nobody named.
    expect(await adapter.rooms.list([])).toEqual([])
    expect(await adapter.rooms.participants('clinic')).toEqual([
      { sid: 'PA_1', identity: 'ann', kind: 'standard', joinedAt: 1_795_000_010_000 },
      { sid: 'PA_2', identity: 'phone', kind: 'sip', joinedAt: 1_795_000_020_000 },
    ])
    await adapter.rooms.remove('clinic', 'ann')
    expect(await adapter.rooms.participants('clinic')).toHaveLength(1)
    await adapter.rooms.end('clinic')
    expect((await adapter.rooms.list()).map(({ name }) => name)).toEqual(['other'])
    expect(server.invoice.every(({ outcome }) => outcome === 'served')).toBe(true)
  })

  it('are told as data that JSON can hold, though the SDK counts in bigint', async () => {
    const { adapter, server } = await open()
    await adapter.rooms.create({ name: 'clinic' })
    server.join('clinic', { sid: 'PA_1', identity: 'ann', joinedAt: '9007199254740993' })
    const told = [await adapter.rooms.list(), await adapter.rooms.participants('clinic')]
    expect(JSON.parse(JSON.stringify(told))).toEqual(told)
  })

  it('are reached through the host’s own copy of the SDK, at the address that was given, whatever the environment says', async () => {
    vi.stubEnv('LIVEKIT_URL', 'http://127.0.0.1:1')
    vi.stubEnv('LIVEKIT_API_KEY', 'hijack')
    vi.stubEnv('LIVEKIT_API_SECRET', 'hijack')
    const made: unknown[] = []
    class RoomServiceClient extends sdk.RoomServiceClient {
      constructor(...given: ConstructorParameters<typeof sdk.RoomServiceClient>) {
        super(...given)
        made.push(given[3])
      }
    }
    const { adapter } = await open({}, { sdk: { ...sdk, RoomServiceClient } })
    expect(made).toEqual([])
    expect(await adapter.rooms.list()).toEqual([])
    // Tries in other regions are LiveKit Cloud's alone, so they can only be seen here to be off.
    expect(made).toEqual([{ requestTimeout: 10, failover: false }])
  })

  const cases: { fault: Fault; kind: string; facts?: object }[] = [
    {
      fault: { type: 'status', status: 429, body: { code: 'resource_exhausted', msg: 'too many' } },
      kind: 'rate_limited',
      facts: { status: 429, providerCode: 'resource_exhausted', isRetryable: true },
    },
    { fault: { type: 'status', status: 503, body: { code: 'unavailable', msg: 'x' } }, kind: 'unavailable' },
    { fault: { type: 'status', status: 500, body: { code: 'internal', msg: 'x' } }, kind: 'unavailable' },
    { fault: { type: 'status', status: 400, body: { code: 'invalid_argument', msg: 'x' } }, kind: 'invalid_request' },
    { fault: { type: 'status', status: 403, body: { code: 'permission_denied', msg: 'x' } }, kind: 'authentication' },
    { fault: { type: 'status', status: 501, body: { code: 'unimplemented', msg: 'x' } }, kind: 'unsupported' },
    { fault: { type: 'html' }, kind: 'unavailable', facts: { status: 502 } },
    { fault: { type: 'garbage' }, kind: 'malformed' },
    { fault: { type: 'destroy' }, kind: 'network', facts: { isRetryable: true } },
  ]
  it.each(cases)('$fault is $kind, and is not tried again', async ({ fault, kind, facts = {} }) => {
    const { adapter, server } = await open()
    server.fail(fault)
    expect(await failureOf(adapter.rooms.list())).toMatchObject({ kind, provider: 'livekit', ...facts })
    expect(server.requests).toHaveLength(1)
  })

  it('that is not there is the request’s fault, and a wrong secret is told without it', async () => {
    const { adapter, server } = await open()
    expect(await failureOf(adapter.rooms.end('gone'))).toMatchObject({ kind: 'invalid_request', providerCode: 'not_found' })
    const { url, apiKey } = server
    const apiSecret = 'another-secret-0123456789abcdefgh'
    const error = await failureOf(livekit({ url, apiKey, apiSecret }).rooms.list())
    expect(error).toMatchObject({ kind: 'authentication', status: 401 })
    const sent = server.requests.at(-1)?.headers.authorization ?? ''
    for (const secret of [apiSecret, sent.slice(7)]) expect(inspect(error, { depth: 12, showHidden: true })).not.toContain(secret)
  })

  it('obey a signal, and the time that LiveKit has, though the SDK knows no signal', async () => {
    const { adapter, server } = await open({}, { requestTimeoutSeconds: 2 })
    server.fail({ type: 'silence' })
    expect(await failureOf(adapter.rooms.list())).toMatchObject({ kind: 'timeout' })
    const patient = livekit({ url: server.url, apiKey: server.apiKey, apiSecret: server.apiSecret })
    const controller = new AbortController()
    const stalled = server.fail({ type: 'silence' })
    const failure = failureOf(patient.rooms.list(undefined, { signal: controller.signal }))
    await stalled.struck
    controller.abort()
    expect(await failure).toMatchObject({ kind: 'aborted' })
  })
})

describe('a token of LiveKit', () => {
  it('lets one identity into one room, for ten minutes unless more is said, and for no more than was granted', async () => {
    const { adapter, server } = await open()
    const read = (token: string) => readClaims(token, server.apiKey, server.apiSecret, Date.now())
    const plain = read(await adapter.token({ identity: 'ann', room: 'clinic' }))
    expect(plain).toMatchObject({ sub: 'ann', iss: server.apiKey, video: { roomJoin: true, room: 'clinic' } })
    const seconds = (claims: unknown) => (claims as { exp: number }).exp - Date.now() / 1_000
    expect(seconds(plain)).toBeGreaterThan(590)
    expect(seconds(plain)).toBeLessThanOrEqual(600)
    const grants = { canPublish: false, hidden: true }
    const named = read(
      await adapter.token({ identity: 'ann', room: 'clinic', name: 'Ann', ttlSeconds: 30, grants, attributes: { a: 'b' } }),
    )
    expect(named).toMatchObject({ name: 'Ann', attributes: { a: 'b' }, video: { ...grants, room: 'clinic' } })
    expect(seconds(named)).toBeLessThanOrEqual(30)
    expect(server.requests).toHaveLength(0)
  })

  it.each([
    { identity: '' },
    { room: '' },
    { ttlSeconds: 0 },
    { ttlSeconds: -1 },
    { ttlSeconds: 1.5 },
    { ttlSeconds: Number.NaN },
  ])('is not made of %o', async (wrong) => {
    const { adapter } = await open()
    const error = await failureOf(adapter.token({ identity: 'ann', room: 'clinic', ...wrong }))
    expect(error.kind).toBe('invalid_request')
    expect(error.message).toContain(Object.keys(wrong)[0])
  })
})

describe('a telephone that is called into a room', () => {
  const request = { trunkId: 'ST_1', to: '+15551234567', room: 'clinic', identity: 'phone', durationSecondsMax: 300 }

  it('is called once, for no longer than was said', async () => {
    const { adapter, server } = await open()
    expect(await adapter.dial({ ...request, from: '+15557654321', ringSecondsMax: 20, waitUntilAnswered: true })).toEqual({
      status: 'dialled',
      sipCallId: 'SCL_+15551234567',
      participantSid: 'PA_phone',
      identity: 'phone',
    })
    expect(server.requests[0]).toMatchObject({
      path: '/twirp/livekit.SIP/CreateSIPParticipant',
      body: {
        sipTrunkId: 'ST_1',
        sipCallTo: '+15551234567',
        sipNumber: '+15557654321',
        roomName: 'clinic',
        participantIdentity: 'phone',
        maxCallDuration: '300s',
        ringingTimeout: '20s',
        waitUntilAnswered: true,
      },
    })
  })

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'is not called with %s for a limit, which would be none',
    async (limit) => {
      const { adapter, server } = await open()
      for (const option of ['durationSecondsMax', 'ringSecondsMax']) {
        const error = await failureOf(adapter.dial({ ...request, [option]: limit }))
        expect(error.kind).toBe('invalid_request')
        expect(error.message).toContain(option)
      }
      expect(server.requests).toHaveLength(0)
    },
  )

  it('is called for whole seconds', async () => {
    const { adapter, server } = await open()
    await adapter.dial({ ...request, durationSecondsMax: 90.5, ringSecondsMax: 20.5 })
    expect(server.requests[0]).toMatchObject({ body: { maxCallDuration: '90s', ringingTimeout: '20s' } })
  })

  it('that is busy is an answer and no failure', async () => {
    const { adapter } = await open({ sipStatus: () => ({ code: 486, reason: 'Busy Here' }) })
    expect(await adapter.dial({ ...request, waitUntilAnswered: true })).toEqual({
      status: 'refused',
      sipStatus: 486,
      reason: 'Busy Here',
    })
  })

  it('may be ringing where the answer breaks off after its headers, or a proxy is overloaded', async () => {
    const { adapter, server } = await open()
    const fault = server.fail({ type: 'headers_then_hang' })
    const failure = failureOf(adapter.dial(request))
    await fault.struck
    fault.release()
    expect(await failure).toMatchObject({ kind: 'outcome_unknown', isRetryable: false })
    server.fail({ type: 'status', status: 529 })
    expect(await failureOf(adapter.dial(request))).toMatchObject({ kind: 'outcome_unknown', status: 529 })
    expect(server.requests).toHaveLength(2)
  })

  it('may be ringing after every failure that does not say otherwise, so it is never called again', async () => {
    const { adapter, server } = await open({}, { requestTimeoutSeconds: 2 })
    for (const [fault, kind] of [
      [{ type: 'silence' }, 'outcome_unknown'],
      [{ type: 'destroy' }, 'outcome_unknown'],
      [{ type: 'html' }, 'outcome_unknown'],
      [{ type: 'garbage' }, 'outcome_unknown'],
      [{ type: 'status', status: 429, body: { code: 'resource_exhausted', msg: 'x' } }, 'rate_limited'],
      [{ type: 'status', status: 400, body: { code: 'invalid_argument', msg: 'x' } }, 'invalid_request'],
    ] as const) {
      server.fail(fault)
      expect(await failureOf(adapter.dial(request))).toMatchObject({ kind })
    }
    expect(server.requests).toHaveLength(6)
    const absent = await startLivekitLoopback()
    await absent.close()
    const unheard = livekit({ url: absent.url, apiKey: absent.apiKey, apiSecret: absent.apiSecret })
    expect(await failureOf(unheard.dial(request))).toMatchObject({ kind: 'network' })
    expect(await failureOf(adapter.dial(request, { signal: AbortSignal.abort() }))).toMatchObject({ kind: 'aborted' })
  })
})

describe('a webhook of LiveKit', () => {
  const event: WebhookJson = {
    event: 'participant_joined',
    id: 'EV_1',
    createdAt: '1795000011',
    room: { sid: 'RM_1', name: 'clinic', creationTime: '1795000000', numParticipants: 1 },
    participant: { sid: 'PA_1', identity: 'ann', state: 'ACTIVE', joinedAt: '1795000010', kind: 'SIP' },
  }

  it('is read when it is signed, from text and from bytes, as data that JSON can hold', async () => {
    const { adapter, server } = await open()
    const { body, authorization } = server.sign(event)
    const read = await adapter.webhook(body, authorization)
    expect(read).toEqual({
      id: 'EV_1',
      type: 'participant_joined',
      at: 1_795_000_011_000,
      room: { sid: 'RM_1', name: 'clinic', createdAt: 1_795_000_000_000, participants: 1 },
      participant: { sid: 'PA_1', identity: 'ann', kind: 'sip', joinedAt: 1_795_000_010_000 },
      raw: event,
    })
    expect(await adapter.webhook(Buffer.from(body), `Bearer ${authorization}`)).toEqual(read)
    expect(JSON.parse(JSON.stringify(read))).toEqual(read)
  })

  it('is refused when anybody else could have sent it', async () => {
    const { adapter, server } = await open()
    const { body, authorization } = server.sign(event)
    const other = server.sign({ ...event, id: 'EV_2' })
    for (const [given, signed] of [
      [body, undefined],
      [body, ''],
      [body, 'nonsense'],
      [`${body} `, authorization],
      [body, other.authorization],
      [body, server.sign(event, { secret: 'another-secret-0123456789abcdefgh' }).authorization],
      [body, server.sign(event, { expired: true }).authorization],
    ] as const) {
      expect(await failureOf(adapter.webhook(given, signed))).toMatchObject({ kind: 'authentication' })
    }
  })

  it('that is signed and no event is malformed', async () => {
    const { adapter, server } = await open()
    for (const wrong of ['not an event', [], { event: 7 }, { event: 'room_started' }, { event: '', createdAt: '1' }]) {
      const { body, authorization } = server.sign(wrong as unknown as WebhookJson)
      expect(await failureOf(adapter.webhook(body, authorization))).toMatchObject({ kind: 'malformed' })
    }
  })
})
