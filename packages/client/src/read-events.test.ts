import { expect, it } from 'vitest'
import { readEvents } from './read-events.ts'

async function eventsOf(text: string, size = text.length): Promise<unknown[]> {
  const bytes = new TextEncoder().encode(text)
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  return Array.fromAsync(readEvents(body))
}

it.each([1, 2, 3, 1_000])(
  'an event keeps its lines and its spaces, and hands nothing on to the next, in chunks of %i',
  async (size) => {
    const text =
      'event: named\r\ndata: one\r\ndata:  two\r\ndata\r\n\r\n\r\nevent: empty\r\n\r\ndata:three\n\n: comment\n\ndata: cut off'
    expect(await eventsOf(text, size)).toEqual([
      { event: 'named', data: 'one\n two\n' },
      { event: 'message', data: 'three' },
    ])
  },
)

it('a chunk without a letter does not part a carriage return from its line feed', async () => {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const text of ['data: one\r', '', '\ndata: two\r\n\r\n']) controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })
  expect(await Array.fromAsync(readEvents(body))).toEqual([{ event: 'message', data: 'one\ntwo' }])
})
