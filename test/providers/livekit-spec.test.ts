import { livekit } from '@farebox/providers/livekit'
import { ParticipantInfo, Room, SIPParticipantInfo, WebhookEvent } from 'livekit-server-sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LivekitLoopback, type ParticipantJson, startLivekitLoopback, type WebhookJson } from '../loopback/livekit.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'

const SPEC = 'livekit-protos.tar.gz'
const participant = {
  sid: 'PA_1',
  identity: 'ann',
  state: 'ACTIVE',
  joinedAt: '1795000010',
  kind: 'SIP',
} satisfies ParticipantJson
const room = {
  sid: 'RM_1',
  name: 'clinic',
  creationTime: '1795000000',
  numParticipants: 1,
  maxParticipants: 4,
  emptyTimeout: 60,
  departureTimeout: 5,
  metadata: 'wf_1',
}
const webhook = { event: 'participant_joined', id: 'EV_1', createdAt: '1795000011', room, participant } satisfies WebhookJson

describe('what the loopback of LiveKit says', () => {
  it('is what the SDK itself would say, field by field and unknown to none', () => {
    expect(Room.fromJson(room).toJson()).toEqual(room)
    expect(ParticipantInfo.fromJson(participant).toJson()).toEqual(participant)
    expect(WebhookEvent.fromJson(webhook).toJson()).toEqual(webhook)
    const dialled = { participantId: 'PA_1', participantIdentity: 'phone', roomName: 'clinic', sipCallId: 'SCL_1' }
    expect(SIPParticipantInfo.fromJson(dialled).toJson()).toEqual(dialled)
    expect(() => Room.fromJson({ ...room, seats: 3 })).toThrow()
  })
})

describe.skipIf(!hasSpec(SPEC))(specTestName("LiveKit's published protocol", SPEC), () => {
  let server: LivekitLoopback
  beforeAll(async () => {
    server = await startLivekitLoopback()
  })
  afterAll(() => server.close())

  /** The fields of a message, as JSON names them, with their types. */
  function fieldsOf(message: string): Map<string, string> {
    const [, body = ''] = new RegExp(`^message ${message} \\{\\n([\\s\\S]*?)\\n\\}`, 'm').exec(readSpec(SPEC)) ?? []
    const nested = body.replace(/^ {2}(?:enum|message) [\s\S]*?^ {2}\}/gm, '')
    const fields = nested.matchAll(/^ {2}(?:repeated |optional )?([\w.]+|map<[^>]+>) (\w+) = \d+/gm)
    return new Map(
      [...fields].map(([, type = '', name = '']) => [name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), type]),
    )
  }

  /** What of a text of JSON the message does not know, or would write otherwise. */
  function strangeIn(message: string, json: object): string[] {
    const fields = fieldsOf(message)
    expect(fields.size, message).toBeGreaterThan(3)
    return Object.entries(json).flatMap(([name, value]) => {
      const type = fields.get(name)
      const isRight =
        type === 'int64' ? typeof value === 'string' : type === 'uint32' ? typeof value === 'number' : type !== undefined
      return isRight ? [] : [`${message}.${name}: ${type}`]
    })
  }

  it('is broken by what is not in it, so the checks below mean something', () => {
    expect(strangeIn('Room', { ...room, seats: 3, creationTime: 17 })).toEqual([
      'Room.creationTime: int64',
      'Room.seats: undefined',
    ])
  })

  it('is kept by rooms, participants and webhooks of the loopback', () => {
    expect(strangeIn('Room', room)).toEqual([])
    expect(strangeIn('ParticipantInfo', participant)).toEqual([])
    expect(strangeIn('WebhookEvent', webhook)).toEqual([])
  })

  it('is kept by what the adapter sends', async () => {
    const { url, apiKey, apiSecret } = server
    const adapter = livekit({ url, apiKey, apiSecret })
    await adapter.rooms.create({ name: 'clinic', participantsMax: 2, emptySecondsMax: 3, departureSecondsMax: 4, metadata: 'm' })
    await adapter.rooms.list(['clinic'])
    await adapter.rooms.participants('clinic')
    await adapter.rooms.remove('clinic', 'ann')
    const phone = { trunkId: 'ST_1', to: '+15551234567', room: 'clinic', identity: 'phone', durationSecondsMax: 60 }
    await adapter.dial({ ...phone, from: '+15557654321', ringSecondsMax: 9, waitUntilAnswered: true })
    const sent = Object.fromEntries(server.requests.map(({ path, body }) => [path.split('/').at(-1), body]))
    for (const [method, message] of [
      ['CreateRoom', 'CreateRoomRequest'],
      ['CreateSIPParticipant', 'CreateSIPParticipantRequest'],
    ] as const) {
      expect(strangeIn(message, sent[method] ?? {})).toEqual([])
    }
  })
})
