import { expect, it } from 'vitest'
import type { RealtimeServerEvent } from './realtime-socket.ts'
import { RealtimeTalk } from './realtime-talk.ts'

const created = { type: 'response.created', response: { id: 'r1' } }
const done = { type: 'response.done', response: { id: 'r1', status: 'completed' } }

it.each<[string, RealtimeServerEvent[]]>([
  ['in order', [created, done]],
  ['twice', [created, created, done, done]],
  ['without a beginning', [done]],
  ['with its beginning last', [done, created]],
  ['and then again with its beginning', [created, done, created]],
])('a conversation goes on, and ends, after an answer that is told %s', (_, events) => {
  const sent: string[] = []
  const talk = new RealtimeTalk({ send: ({ type }) => void sent.push(type) }, { encoding: 'mulaw', sampleRate: 8_000 })
  talk.feed({ type: 'respond' })
  talk.feed({ type: 'respond' })
  expect(sent).toEqual(['response.create'])
  for (const event of events) if (!talk.isRepeated(event)) talk.hear(event)
  expect(sent).toEqual(['response.create', 'response.create'])
  talk.end()
  expect(talk.isOver).toBe(false)
  for (const type of ['response.created', 'response.done']) talk.hear({ type, response: { id: 'r2' } })
  expect(talk.isOver).toBe(true)
})

it('a conversation does not end before the answer that was requested as the server gave one by itself', () => {
  const requests: { metadata?: unknown }[] = []
  const socket: ConstructorParameters<typeof RealtimeTalk>[0] = {
    send: (event) => void (event.type === 'response.create' && requests.push({ ...event.response })),
  }
  const talk = new RealtimeTalk(socket, { encoding: 'mulaw', sampleRate: 8_000 })
  const give = (id: string, metadata: unknown) => {
    talk.hear({ type: 'response.created', response: { id, metadata } })
    talk.hear({ type: 'response.done', response: { id, status: 'completed' } })
  }
  talk.feed({ type: 'respond' })
  give('r1', requests[0]?.metadata)
  talk.feed({ type: 'respond' })
  talk.end()
  give('r2', null)
  expect(talk.isOver).toBe(false)
  give('r3', requests[1]?.metadata)
  expect(talk.isOver).toBe(true)
  expect(requests).toHaveLength(2)
})

it('a request that was cancelled is not made again, where the server refuses it for the answer that it gave by itself', () => {
  const sent: string[] = []
  const talk = new RealtimeTalk({ send: ({ type }) => void sent.push(type) }, { encoding: 'mulaw', sampleRate: 8_000 })
  talk.feed({ type: 'respond' })
  talk.feed({ type: 'cancel' })
  talk.hear(created)
  expect(talk.forgives({ code: 'conversation_already_has_active_response' })).toBe(true)
  talk.hear(done)
  talk.end()
  expect(sent).toEqual(['response.create', 'response.cancel'])
  expect(talk.isOver).toBe(true)
})

it('a request after a cancelled one is made when the server has refused that', () => {
  const sent: string[] = []
  const talk = new RealtimeTalk({ send: ({ type }) => void sent.push(type) }, { encoding: 'mulaw', sampleRate: 8_000 })
  for (const type of ['respond', 'cancel', 'respond'] as const) talk.feed({ type })
  talk.hear(created)
  talk.forgives({ code: 'conversation_already_has_active_response' })
  talk.hear(done)
  expect(sent).toEqual(['response.create', 'response.cancel', 'response.create'])
})

it('an answer is requested again without a mark, where a compatible server refuses marks', () => {
  const requests: unknown[] = []
  const socket: ConstructorParameters<typeof RealtimeTalk>[0] = {
    send: (event) => void (event.type === 'response.create' && requests.push(event)),
  }
  const talk = new RealtimeTalk(socket, { encoding: 'mulaw', sampleRate: 8_000 })
  const refusal = { code: 'unknown_parameter', param: 'response.metadata' }
  talk.feed({ type: 'respond' })
  expect(talk.forgives(refusal)).toBe(true)
  expect(requests).toEqual([expect.objectContaining({ response: expect.anything() }), { type: 'response.create' }])
  expect(talk.forgives(refusal)).toBe(false)
  talk.hear(created)
  talk.feed({ type: 'respond' })
  talk.hear(done)
  expect(requests[2]).toEqual({ type: 'response.create' })
})
