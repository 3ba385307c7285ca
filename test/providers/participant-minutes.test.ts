import { credits, formatQuantity } from '@farebox/core'
import { defaultCostBook, rate } from '@farebox/pricing'
import { type LivekitEvent, livekit, ParticipantMinutes, type ParticipantSession } from '@farebox/providers/livekit'
import { createCatalog, explainRoute, plan, presets } from '@farebox/router'
import { defaultPriceBook, PriceBook } from 'farebox'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { startLivekitLoopback } from '../loopback/livekit.ts'

const START = 1_795_000_000
const ms = (second: number) => (START + second) * 1_000

function event(type: string, second: number, who?: string, joined?: number, room = 'RM_1'): LivekitEvent {
  return {
    id: `EV_${type}_${second}_${who}`,
    type,
    at: ms(second),
    room: { sid: room, name: 'clinic', participants: 0 },
    ...(who && {
      participant: { sid: `PA_${who}`, identity: who, kind: 'standard', ...(joined !== undefined && { joinedAt: ms(joined) }) },
    }),
    raw: {},
  }
}

function collect(events: readonly LivekitEvent[], now?: number) {
  const minutes = new ParticipantMinutes()
  for (const given of events) minutes.add(given)
  return minutes.sessions(now === undefined ? undefined : ms(now))
}

const short = ({ identity, seconds, usage, status }: ParticipantSession) =>
  `${identity} ${formatQuantity(seconds)} ${usage.certainty} ${status}`

describe('the minutes of participants', () => {
  it('are exact when both ends were told, and end with the room or go on otherwise', () => {
    const events = [
      event('participant_joined', 0, 'ann', 0),
      event('participant_joined', 5, 'bob', 5),
      event('participant_left', 65, 'ann', 0),
    ]
    expect(collect(events).map(short)).toEqual(['ann 65 exact ended'])
    expect(collect(events, 100).map(short)).toEqual(['ann 65 exact ended', 'bob 95 floor open'])
    expect(collect([...events, event('room_finished', 80)], 100).map(short)).toEqual([
      'ann 65 exact ended',
      'bob 75 ceiling ended',
    ])
  })

  it('have a beginning though the webhook of joining was lost, because the later ones tell it too', () => {
    expect(collect([event('participant_left', 30, 'ann', 10)]).map(short)).toEqual(['ann 20 exact ended'])
    expect(collect([event('track_published', 12, 'ann', 10)], 40).map(short)).toEqual(['ann 30 floor open'])
    expect(collect([event('participant_left', 30, 'ann')])).toEqual([])
    expect(collect([event('participant_joined', 10, 'ann'), event('participant_left', 30, 'ann')]).map(short)).toEqual([
      'ann 20 exact ended',
    ])
  })

  it('are those of each stay, where someone joins again and where rooms share a name', () => {
    const events = [
      ...[0, 100].map((at) => event('participant_joined', at, `ann${at}`, at)),
      ...[0, 100].map((at) => event('participant_left', at + 10, `ann${at}`, at)),
      event('participant_joined', 0, 'bob', 0, 'RM_2'),
      event('room_finished', 7, undefined, undefined, 'RM_2'),
    ]
    expect(collect(events).map(short)).toEqual(['ann0 10 exact ended', 'bob 7 ceiling ended', 'ann100 10 exact ended'])
  })

  it('are never below zero, whatever two clocks say, and end when a connection was aborted', () => {
    expect(collect([event('participant_left', 9, 'ann', 10)]).map(short)).toEqual(['ann 0 exact ended'])
    expect(collect([event('participant_connection_aborted', 15, 'ann', 10)]).map(short)).toEqual(['ann 5 exact ended'])
    expect(collect([event('participant_joined', 9, 'ann', 9)], 3).map(short)).toEqual(['ann 0 floor open'])
  })

  it('of a room are forgotten when that is asked for, and those of others are kept', () => {
    const minutes = new ParticipantMinutes()
    for (const room of ['RM_1', 'RM_2']) minutes.add(event('participant_left', 9, room, 1, room))
    minutes.forget('RM_1')
    expect(minutes.sessions().map(({ room }) => room.sid)).toEqual(['RM_2'])
  })

  it('pass over what tells nothing of who is there', () => {
    const { room: _, ...homeless } = event('participant_left', 9, 'ann', 1)
    expect(collect([homeless, { ...event('egress_started', 1), participant: undefined }, event('room_started', 0)], 50)).toEqual(
      [],
    )
  })

  it('are the same in whatever order and however often the webhooks come', () => {
    const stay = fc.record({ from: fc.nat(500), length: fc.nat(500), told: fc.subarray(['joined', 'left', 'track'] as const) })
    fc.assert(
      fc.property(fc.array(stay, { maxLength: 6 }), fc.boolean(), fc.infiniteStream(fc.nat()), (stays, isFinished, dice) => {
        const events = stays.flatMap(({ from, length, told }, index) => {
          const who = `p${index}`
          return [
            ...(told.includes('joined') ? [event('participant_joined', from, who, from)] : []),
            ...(told.includes('track') ? [event('track_published', from + 1, who, from)] : []),
            ...(told.includes('left') ? [event('participant_left', from + length, who, from)] : []),
          ]
        })
        if (isFinished) events.push(event('room_finished', 1_001))
        const again = [...events, ...events.filter((_, index) => index % 2 === 0)]
        const shuffled = again
          .map((given) => ({ given, place: dice.next().value ?? 0 }))
          .sort((a, b) => a.place - b.place)
          .map(({ given }) => given)
        const sessions = collect(shuffled, 1_002)
        expect(sessions).toEqual(collect(events, 1_002))
        expect(sessions.map(short)).toEqual(
          stays
            .map((known, index) => ({ ...known, who: `p${index}` }))
            .filter(({ told }) => told.length > 0)
            .sort((a, b) => a.from - b.from || (a.who < b.who ? -1 : 1))
            .map(({ from, length, told, who }) => {
              if (told.includes('left')) return `${who} ${length} exact ended`
              return isFinished ? `${who} ${1_001 - from} ceiling ended` : `${who} ${1_002 - from} floor open`
            }),
        )
      }),
      { numRuns: 200 },
    )
  })
})

describe('LiveKit in a workflow', () => {
  it('is charged by what its webhooks tell, once however often they are told', async () => {
    const server = await startLivekitLoopback()
    const { url, apiKey, apiSecret } = server
    const provider = livekit({ url, apiKey, apiSecret })
    const [version] = defaultPriceBook.document.versions
    const perMinute = { service: 'realtime', provider: 'livekit', rates: [{ unit: 'minutes' as const, amount: '2' }] }
    const prices = new PriceBook({
      name: 'with rooms',
      currency: 'credits',
      versions: [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries: [...(version?.entries ?? []), perMinute] }],
    })
    const box = await openBox({ providers: [provider], prices })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'clinic' })
    const minutes = new ParticipantMinutes()
    const told = [
      { event: 'participant_joined', second: 0 },
      { event: 'participant_left', second: 150 },
      { event: 'room_finished', second: 170 },
    ].map(({ event: type, second }) =>
      server.sign({
        event: type,
        id: `EV_${type}`,
        createdAt: String(START + second),
        room: { sid: 'RM_1', name: 'clinic', creationTime: String(START) },
        ...(type === 'room_finished' ? {} : { participant: { sid: 'PA_1', identity: 'ann', joinedAt: String(START) } }),
      }),
    )
    for (const { body, authorization } of [...told.toReversed(), ...told]) {
      minutes.add(await provider.webhook(body, authorization))
      for (const { id, seconds } of minutes.sessions()) {
        const [offer] = provider.offers
        await workflow.record('realtime', 'livekit', seconds, 'seconds', { model: offer?.model, call: id, idempotencyKey: id })
      }
    }
    expect((await workflow.close()).services_used).toEqual([
      { service_type: 'realtime', provider: 'livekit', units_consumed: 150, unit_type: 'seconds', credits_used: 5 },
    ])
    await server.close()
  })

  it('has a cost at list price, by the second', () => {
    const [offer] = livekit({}).offers
    const [session] = collect([event('participant_left', 90, 'ann', 0)])
    if (!offer || !session) throw new Error('nothing to price')
    const { total } = rate(defaultCostBook, { ...offer, at: Date.parse('2026-11-21T00:00:00Z') }, session.usage.quantities)
    // 0.0005 USD a minute.
    expect([total.numerator * 100_000n, total.denominator * 75n].reduce((a, b) => a - b)).toBe(0n)
  })

  it('is never taken for a conversation, and the route says why', () => {
    const provider = livekit({ url: 'https://example.livekit.cloud', apiKey: 'k', apiSecret: 's' })
    const outcome = plan({
      request: { service: 'realtime', operation: 'converse', expected: [], ceiling: [] },
      configuration: presets.balanced(),
      catalog: createCatalog([provider]),
      prices: { predict: () => ({ charge: credits(0) }) },
      affordable: credits(1_000),
    })
    expect(outcome.status).toBe('refused')
    expect(explainRoute(outcome).join()).toContain('not livekit: capability, its adapter cannot converse this way')
  })
})
