/** One server-sent event. */
export interface ServerSentEvent {
  /** @defaultValue `message` */
  event: string
  data: string
}

/**
 * Reads server-sent events from the body of an answer, however it is cut into pieces. Stopping to read ends the answer.
 *
 * @param heard  called with each piece
 * @source  HTML standard, section 9.2.6: interpreting an event stream
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  heard: () => void = () => undefined,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  let event = ''
  let data: string[] = []
  for await (const line of lines(body, heard)) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n') }
      event = ''
      data = []
      continue
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
}

/** Lines end with a carriage return, a line feed, or both. What comes after the last end is none. */
async function* lines(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let rest = ''
  let endedByReturn = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heard()
      const text = decoder.decode(value, { stream: true })
      if (text === '') continue
      // A line's end may be cut in two: what follows a carriage return was begun before.
      rest += endedByReturn && text.startsWith('\n') ? text.slice(1) : text
      endedByReturn = text.endsWith('\r')
      const parts = rest.split(/\r\n|\n|\r/)
      rest = parts.pop() ?? ''
      yield* parts
    }
  } finally {
    // Whoever stops reading wants no more of it; a body that broke off cannot be cancelled.
    await reader.cancel().catch(() => undefined)
  }
}
