import { describe, expect, it } from 'vitest'
import { serverSentEvents } from './server-sent-events.ts'

async function read(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  async function* bytes() {
    for (const chunk of chunks) yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
  }
  const events: string[] = []
  for await (const event of serverSentEvents(bytes())) events.push(event)
  return events
}

describe('serverSentEvents', () => {
  it('yields the data of each event, whatever ends its lines', async () => {
    expect(await read('data: a\n\ndata:b\r\n\r\ndata: c\r\r\n')).toEqual(['a', 'b', 'c'])
  })

  it('joins an event whose bytes arrive one at a time, inside a character too', async () => {
    const bytes = new TextEncoder().encode('data: grüß\r\n\r\n')
    expect(await read(...[...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(['grüß'])
  })

  it('joins the lines of one event, and leaves out comments and names', async () => {
    expect(await read(': ping\nevent: delta\nid: 1\ndata: one\ndata: two\n\n')).toEqual(['one\ntwo'])
  })

  it('drops the event that the stream ended within', async () => {
    expect(await read('data: whole\n\ndata: half')).toEqual(['whole'])
    expect(await read('data: unfinished\n')).toEqual([])
  })
})
