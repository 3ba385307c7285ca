import type { Call } from './call.ts'

/** A `Response` as adapters read it. `chunks` and `header`, if present, save the cost of a web stream and of `Headers`. */
export interface Answer extends Pick<Response, 'status' | 'ok' | 'headers' | 'body' | 'text' | 'json'> {
  chunks?(): AsyncIterator<Uint8Array>
  header?(name: string): string | null
}

/** Reads one header of an answer. @param name  in lower case */
export function headerOf(answer: Answer, name: string): string | null {
  return answer.header ? answer.header(name) : answer.headers.get(name)
}

/** Reads a body's chunks under the call's signal. It cancels a body that is not read to its end, which SDKs do not. */
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

/** Like {@link readBody}, for any kind of answer. An answer without a body has no chunks. */
export function readAnswer(answer: Pick<Answer, 'body' | 'chunks'>, call: Call): AsyncIterator<Uint8Array> {
  if (typeof answer.chunks === 'function') return answer.chunks()
  return answer.body ? readBody(answer.body, call) : readNothing()
}

async function* readNothing(): AsyncGenerator<Uint8Array, void, undefined> {}
