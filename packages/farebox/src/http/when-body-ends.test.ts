import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { whenBodyEnds } from './when-body-ends.ts'

const MIB = 1024 * 1024

/** An endless body, and a promise that resolves when it is cancelled. */
function endless(part: Uint8Array): { body: ReadableStream<Uint8Array>; cancelled: Promise<void> } {
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>()
  const source = { pull: (controller: ReadableStreamDefaultController) => controller.enqueue(part), cancel }
  return { body: new ReadableStream(source, { highWaterMark: 0 }), cancelled }
}

test('a client who stays connected and reads nothing counts as gone, and its connection closes', async () => {
  const { body, cancelled } = endless(new Uint8Array(MIB))
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const server = createAdaptorServer({ overrideGlobalObjects: false, fetch: () => whenBodyEnds(new Response(body), end, 50) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  server.on('connection', (socket: Socket) => socket.on('close', close))
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  client.pause()
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await Promise.all([ended, cancelled, closed])
})

test('a body that breaks off has ended at once, not when its reader counts as gone', async () => {
  let hasEnded = false
  const source: UnderlyingDefaultSource<Uint8Array> = { pull: (controller) => controller.error(new Error('it broke off')) }
  const response = whenBodyEnds(new Response(new ReadableStream(source, { highWaterMark: 0 })), () => {
    hasEnded = true
  })
  await expect(response.text()).rejects.toThrow('it broke off')
  expect(hasEnded).toBe(true)
})

test('a reader who waits for the next part is there, however long it takes', async () => {
  let parts = 0
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      await pause(30)
      parts += 1
      if (parts > 3) controller.close()
      else controller.enqueue(new Uint8Array([parts]))
    },
  }
  let ends = 0
  const end = () => {
    ends += 1
  }
  const response = whenBodyEnds(new Response(new ReadableStream(source, { highWaterMark: 0 })), end, 10)
  expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([1, 2, 3])
  expect(ends).toBe(1)
})
