import { AnswerNotKeptError } from './http-errors.ts'
import { openaiError } from './openai-error.ts'
import { type Problem, problemOf } from './problem.ts'

/** How the parts of a stream are written. */
export interface Encoding<Part> {
  contentType: string
  encode(part: Part): string | Uint8Array
  /** What follows the last part. */
  end?: string
  /** How a failure is told within the stream. Absent: it cannot be, and the connection is broken off. */
  failure?(problem: Problem): string
}

interface StreamOptions<Part> {
  headers: Readonly<Record<string, string>>
  encoding: Encoding<Part>
  /** Called when the client goes away. */
  leave?: () => void
}

/** A streamed answer on its way. */
export interface StreamedResponse<Answer> {
  response: Response
  /** What its parts amount to, when all were sent. Rejects where they were not. */
  answer: Promise<Answer>
  /** Gives it up, as if its client had gone away. */
  abandon(): void
}

/**
 * A response whose body is read from `parts` as fast as the client takes it, and no faster. `answer` is what they return when all were
 * sent; it rejects with what they threw, or when the client went away.
 */
export function streamResponse<Part, Answer>(
  parts: AsyncGenerator<Part, Answer, undefined>,
  { headers, encoding, leave }: StreamOptions<Part>,
): StreamedResponse<Answer> {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>()
  // Not everybody waits for it.
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
          // A server prints what a body fails with, so that says nothing of the answer.
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
      // Whoever compresses on the way, such as Express's `compression`, would wait for more.
      'cache-control': 'no-cache, no-transform',
      // Proxies of nginx's kind would wait for more.
      'x-accel-buffering': 'no',
      ...headers,
    },
  })
  return { response, answer, abandon }
}

/** The client of a streamed answer went away: what was produced is charged, and the rest was not. */
export function answerLeft(): AnswerNotKeptError {
  return new AnswerNotKeptError('the caller left before the answer had ended: what was produced is charged')
}

/**
 * Server-sent events, each with JSON as its data, and failures as OpenAI words them: those of one stream.
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
      // Where the specification has its fields, and where OpenAI's SDK and others look for them.
      const { type, ...fields } = told.error
      return encode({ type: 'error', ...fields, sequence_number: sent, ...told })
    },
  }
}
