import type { Call } from './call.ts'

/** A `Response` as adapters read it: maybe one that has what they need without a web stream and without `Headers`, which cost more. */
export interface Answer extends Pick<Response, 'status' | 'ok' | 'headers' | 'body' | 'text' | 'json'> {
  chunks?(): AsyncIterator<Uint8Array>
  header?(name: string): string | null
}

/** One of an answer's headers. @param name  in lower case */
export function headerOf(answer: Answer, name: string): string | null {
  return answer.header ? answer.header(name) : answer.headers.get(name)
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
export function readAnswer(answer: Pick<Answer, 'body' | 'chunks'>, call: Call): AsyncIterator<Uint8Array> {
  if (typeof answer.chunks === 'function') return answer.chunks()
  return answer.body ? readBody(answer.body, call) : readNothing()
}

async function* readNothing(): AsyncGenerator<Uint8Array, void, undefined> {}
