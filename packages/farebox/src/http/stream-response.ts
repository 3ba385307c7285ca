import { AnswerNotKeptError } from './http-errors.ts'
import { openaiError } from './openai-error.ts'
import { type Problem, problemOf } from './problem.ts'

/** How to write the parts of a stream. */
export interface Encoding<Part> {
  contentType: string
  encode(part: Part): string | Uint8Array
  /** Written after the last part. */
  end?: string
  /** Writes a failure into the stream. Absent where the format cannot express one: then the connection breaks off. */
  failure?(problem: Problem): string
}

interface StreamOptions<Part> {
  headers: Readonly<Record<string, string>>
  encoding: Encoding<Part>
  /** Called when the client goes away. */
  leave?: () => void
}

/** A streamed answer under way. */
export interface StreamedResponse<Answer> {
  response: Response
  /** What the parts amount to, once all were sent. Rejects if they were not. */
  answer: Promise<Answer>
  /** Ends it as if its client had gone away. */
  abandon(): void
}

/**
 * A response whose body reads `parts` only as fast as the client takes it. `answer` resolves to their return value once all were
 * sent. It rejects with what they threw, or when the client goes away.
 */
export function streamResponse<Part, Answer>(
  parts: AsyncGenerator<Part, Answer, undefined>,
  { headers, encoding, leave }: StreamOptions<Part>,
): StreamedResponse<Answer> {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>()
  // Not every caller awaits it.
  answer.catch(() => undefined)
  const bytes = new TextEncoder()
  const written = (data: string | Uint8Array) => (typeof data === 'string' ? bytes.encode(data) : data)
  const abandon = () => {
    reject(answerLeft())
    leave?.()
  }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const step = await parts.next()
          if (!step.done) return controller.enqueue(written(encoding.encode(step.value)))
          resolve(step.value)
          if (encoding.end !== undefined) controller.enqueue(written(encoding.end))
          controller.close()
        } catch (error) {
          reject(error)
          // Servers log the error of a body, so it must reveal nothing about the answer.
          if (!encoding.failure) return controller.error(new Error('a streamed answer broke off'))
          controller.enqueue(written(encoding.failure(problemOf(error))))
          controller.close()
        }
      },
      cancel: abandon,
    },
    { highWaterMark: 0 },
  )
  const response = new Response(body, {
    headers: {
      'content-type': encoding.contentType,
      // Compression on the way, such as Express's `compression`, would buffer the stream.
      'cache-control': 'no-cache, no-transform',
      // So would nginx and similar proxies.
      'x-accel-buffering': 'no',
      ...headers,
    },
  })
  return { response, answer, abandon }
}

/** The error of a streamed answer whose client went away. What was produced is charged, and the answer is not kept. */
export function answerLeft(): AnswerNotKeptError {
  return new AnswerNotKeptError(
    'the answer was cut short, since its caller left or the server is stopping: what was produced is charged',
  )
}

/**
 * The encoding of one stream of server-sent events, with JSON as data and failures in OpenAI's format.
 *
 * @param options  `isNamed`: events carry their `type` as their name, and a failure is a numbered event like the others
 */
export function eventStream<Part extends object>(
  options: Pick<Encoding<Part>, 'end'> & { isNamed?: boolean } = {},
): Encoding<Part> {
  const name = (part: object) => (options.isNamed && 'type' in part ? `event: ${String(part.type)}\n` : '')
  let sent = 0
  const encode = (part: object) => {
    sent += 1
    return `${name(part)}data: ${JSON.stringify(part)}\n\n`
  }
  return {
    contentType: 'text/event-stream; charset=utf-8',
    encode,
    end: options.end,
    failure(problem) {
      const told = openaiError(problem)
      if (!options.isNamed) return encode(told)
      // The specification has these fields at the top. OpenAI's SDK and others look for them under `error`.
      const { type, ...fields } = told.error
      return encode({ type: 'error', ...fields, sequence_number: sent, ...told })
    },
  }
}
