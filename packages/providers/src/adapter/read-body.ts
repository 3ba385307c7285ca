import type { Call } from './call.ts'

/** A body as adapters read it: a `Response`, or one whose chunks can be had without a web stream, which costs less. */
export interface Readable {
  body: ReadableStream<Uint8Array> | null
  chunks?(): AsyncIterator<Uint8Array>
}

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

/** As {@link readBody}, of whatever answered. Nothing where there is no body. */
export function readAnswer(answer: Readable, call: Call): AsyncIterator<Uint8Array> {
  if (typeof answer.chunks === 'function') return answer.chunks()
  return answer.body ? readBody(answer.body, call) : readNothing()
}

async function* readNothing(): AsyncGenerator<Uint8Array, void, undefined> {}
