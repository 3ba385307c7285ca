import type { Call } from './call.ts'

/** The chunks of an answer's body under its call's signal. An answer that is given up is cancelled: SDKs hand a body over and forget it. */
export async function* readBody(body: ReadableStream<Uint8Array>, call: Call): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader()
  try {
    for (;;) {
      const step = await call.race(reader.read())
      if (step.done) return
      if (step.value.length > 0) yield step.value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}
