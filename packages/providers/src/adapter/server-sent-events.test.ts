import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { serverSentEvents } from './server-sent-events.ts'

async function read(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  async function* bytes() {
    for (const chunk of chunks) yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
  }
  const events: string[] = []
  for await (const event of serverSentEvents(bytes())) events.push(event)
  return events
}

/** The events of a whole text, line by line as the specification says. */
function specified(text: string): string[] {
  const events: string[] = []
  let data: string[] = []
  const lines = text.split(/\r\n|\n|\r/)
  // The last line has no end.
  for (const line of lines.slice(0, -1)) {
    const [, value] = /^data: ?(.*)$/u.exec(line) ?? []
    if (value !== undefined) data.push(value)
    if (line !== '') continue
    if (data.length > 0) events.push(data.join('\n'))
    data = []
  }
  return events
}

function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

describe('serverSentEvents', () => {
  it.each([
    ['has no end', (mebibyte: string) => mebibyte],
    ['has lines without end', (mebibyte: string) => `data: ${mebibyte}\n`],
    ['has empty lines without end', (mebibyte: string) => 'data:\n'.repeat(mebibyte.length / 6)],
  ])('gives up an event that %s before the memory is full, and no other', async (_, line) => {
    const mebibyte = 'a'.repeat(2 ** 20)
    let chunks = 0
    async function* endless(end: string) {
      const bytes = new TextEncoder().encode(`${line(mebibyte)}${end}`)
      for (; chunks < 100; chunks += 1) yield bytes
    }
    const drain = async (end: string) => {
      for await (const _ of serverSentEvents(endless(end))) {
      }
    }
    await expect(drain('')).rejects.toThrow(SyntaxError)
    expect(chunks).toBeLessThan(70)
    chunks = 0
    await drain('\n\n')
    expect(chunks).toBe(100)
  })

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

  it('yields an event as soon as its last line ends, be it with a carriage return', async () => {
    expect(await read('data: a\r\r')).toEqual(['a'])
    expect(await read('data: a\r', '\n\r', '\ndata: b\r', '\r', '\r\n')).toEqual(['a', 'b'])
  })

  it('reads what the specification reads, however the bytes are cut', async () => {
    const random = dice(7)
    const parts = ['data:', 'data: ', 'data', 'x', 'ü', '🐦', ' ', ':', 'event: e', '\r', '\n', '\r\n', '\n\n']
    for (let round = 0; round < 2_000; round += 1) {
      const text = Array.from({ length: 12 }, () => parts[Math.floor(random() * parts.length)]).join('')
      const bytes = new TextEncoder().encode(text)
      const chunks: Uint8Array[] = []
      for (let at = 0; at < bytes.length; ) {
        const end = at + Math.floor(random() * 5)
        chunks.push(bytes.subarray(at, end))
        at = end
      }
      expect(await read(...chunks), JSON.stringify(text)).toEqual(specified(text))
    }
  })

  it('looks at each character of a long event once, however many chunks it arrives in', async () => {
    const event = new TextEncoder().encode(`data: ${'image'.repeat(100_000)}\n\n`)
    const chunks: Uint8Array[] = []
    for (let at = 0; at < event.length; at += 1_024) chunks.push(event.subarray(at, at + 1_024))
    const splitting = vi.spyOn(String.prototype, 'split')
    onTestFinished(() => splitting.mockRestore())
    const [data] = await read(...chunks)
    const looked = splitting.mock.contexts.reduce<number>((sum, text) => sum + String(text).length, 0)
    expect(data).toHaveLength(500_000)
    expect(looked).toBeLessThan(2 * event.length)
  })

  it('drops the event that the stream ended within', async () => {
    expect(await read('data: whole\n\ndata: half')).toEqual(['whole'])
    expect(await read('data: unfinished\n')).toEqual([])
  })
})
