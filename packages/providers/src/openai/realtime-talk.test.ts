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
