import type { Context, MiddlewareHandler } from 'hono'
import { DRAIN_BYTES_MAX, drainBody } from './drain-body.ts'
import { BodyTooLargeError } from './http-errors.ts'
import { untilSent } from './until-sent.ts'

/**
 * Refuses bodies longer than `maxSize` bytes: up front where the length is declared, otherwise once a reader has got that far.
 * Drains the rest of the body first, so that the client sees the refusal.
 */
export function limitBody(
  maxSize: number,
  answer: (error: BodyTooLargeError, context: Context, startedMs: number) => Response,
): MiddlewareHandler {
  return async (context, next) => {
    const { method } = context.req
    const length = context.req.header('content-length')
    // With a declared length there is no need to touch the body, which would turn it into a web stream.
    if (length !== undefined && context.req.header('transfer-encoding') === undefined) {
      if (!(Number(length) > maxSize)) return next()
      const startedMs = performance.now()
      const { body } = context.req.raw
      if (body && Number(length) <= DRAIN_BYTES_MAX) await drainBody(body.getReader())
      return answer(tooLarge(maxSize), context, startedMs)
    }
    const { url, headers, body, bodyUsed, signal } = context.req.raw
    if (method === 'GET' || method === 'HEAD' || !body || bodyUsed) return next()
    // Field by field: what Node's adapter passes on only looks like a `Request`, so it cannot be copied as one.
    const init: RequestInit & { duplex: 'half' } = { method, headers, signal, body: limited(body, maxSize), duplex: 'half' }
    context.req.raw = new Request(url, init)
    return next()
  }
}

/** The same body, read only on demand: an unauthorized caller must not fill memory. */
function limited(body: ReadableStream<Uint8Array>, maxSize: number): ReadableStream<Uint8Array> {
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      const reader = body.getReader()
      const bytes = await untilSent(readUpTo(maxSize, reader))
      if (!bytes) {
        await drainBody(reader)
        throw tooLarge(maxSize)
      }
      controller.enqueue(bytes)
      controller.close()
    },
    cancel: (reason) => body.cancel(reason),
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}

function tooLarge(maxSize: number): BodyTooLargeError {
  return new BodyTooLargeError(`the body is longer than ${maxSize} bytes`)
}

/** The whole body, or `undefined` where it is longer. In one buffer: chunks of one byte would take a hundred bytes each. */
async function readUpTo(
  maxSize: number,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let memory = new Uint8Array(0)
  let size = 0
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    const end = size + step.value.length
    if (end > maxSize) return undefined
    if (end > memory.length) {
      const larger = new Uint8Array(Math.min(maxSize, end * 2))
      larger.set(memory.subarray(0, size))
      memory = larger
    }
    memory.set(step.value, size)
    size = end
  }
  return memory.subarray(0, size)
}
