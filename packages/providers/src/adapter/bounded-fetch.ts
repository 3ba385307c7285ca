import { joinBytes } from './bytes.ts'
import type { Answer } from './read-body.ts'

/** The most bytes of an answer that is read as a whole. The longest that providers give, of thousands of embeddings, are shorter. */
const ANSWER_BYTES_MAX = 64 * 1_024 * 1_024

/**
 * Wraps a `fetch` so that no answer is read as a whole beyond 64 MiB, since an endless one would fill the memory until the deadline.
 * A longer one is `malformed`. What is read in pieces, such as a stream or speech, has no such limit, nor has an answer without a
 * web stream.
 *
 * @param fetch  absent: the global one, looked up at each request
 */
export function boundedFetch(fetch?: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const answer: Response & Pick<Answer, 'chunks' | 'header'> = await (fetch ?? globalThis.fetch)(input, init)
    const header = (name: string) => (answer.header ? answer.header(name) : answer.headers.get(name))
    // A packed answer may be longer than it says.
    const isShort = Number(header('content-length') ?? Number.NaN) <= ANSWER_BYTES_MAX && header('content-encoding') === null
    // Where a host's own `fetch` gives no web stream, only its own methods can read the answer.
    const isCountable = answer.chunks !== undefined || typeof answer.body?.getReader === 'function'
    if (isShort || !isCountable) return answer
    const text = async () => new TextDecoder().decode(await wholeOf(answer))
    return Object.assign(answer, {
      text,
      json: async () => JSON.parse(await text()) as unknown,
      arrayBuffer: async () => (await wholeOf(answer)).buffer,
    })
  }
}

async function wholeOf(answer: Pick<Answer, 'body' | 'chunks'>): Promise<Uint8Array<ArrayBuffer>> {
  const pieces = answer.chunks?.() ?? piecesOf(answer.body)
  const read: Uint8Array[] = []
  let length = 0
  for (let step = await pieces.next(); !step.done; step = await pieces.next()) {
    length += step.value.length
    if (length > ANSWER_BYTES_MAX) {
      pieces.return?.().catch(() => {})
      throw new Error('the answer is too long')
    }
    read.push(step.value)
  }
  return joinBytes(read)
}

/** Not every runtime has an iterator of streams. */
function piecesOf(body: Answer['body']): AsyncIterator<Uint8Array> {
  const reader = body?.getReader()
  return {
    next: async () => {
      const step = await reader?.read()
      return step?.value ? { done: false, value: step.value } : { done: true, value: undefined }
    },
    return: async () => {
      await reader?.cancel()
      return { done: true, value: undefined }
    },
  }
}
