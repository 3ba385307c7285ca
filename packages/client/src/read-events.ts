/** One server-sent event. */
export interface ServerSentEvent {
  /** @defaultValue `message` */
  event: string
  data: string
}

/**
 * Reads server-sent events from the body of an answer, however it is split into chunks. When the reader stops, the body is
 * cancelled.
 *
 * @param heard  called for each chunk
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

/** Lines end with a carriage return, a line feed, or both. Text after the last line end is dropped. */
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
      // A chunk may end between a carriage return and its line feed, which then ends no second line.
      const added = endedByReturn && text.startsWith('\n') ? text.slice(1) : text
      endedByReturn = text.endsWith('\r')
      // Only the new text can hold line ends: searching the rest again for each chunk of a long line would take ever longer.
      const [head = '', ...others] = added.split(/\r\n|\n|\r/)
      const parts = [rest + head, ...others]
      rest = parts.pop() ?? ''
      yield* parts
    }
  } finally {
    // Cancel the rest when the reader stops early. A body that broke off cannot be cancelled.
    await reader.cancel().catch(() => undefined)
  }
}
