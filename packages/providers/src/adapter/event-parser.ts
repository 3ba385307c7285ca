/**
 * Finds the `data` of server-sent events in chunks of bytes, all of a chunk at once; comments, event names and ids are left out.
 *
 * An event that the stream ends within is dropped, as the specification says: half an event is not an event.
 *
 * @source https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventParser {
  readonly #decoder = new TextDecoder()
  /** The beginning of a line that has not ended. */
  #rest = ''
  #data: string[] = []

  /** The events that end within this chunk. */
  read(chunk: Uint8Array): string[] {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true })
    // Nearly nobody ends lines otherwise, and a search for one character is many times faster.
    const lines = text.includes('\r') ? text.split(/\r\n|\n|\r(?!$)/) : text.split('\n')
    this.#rest = lines.pop() ?? ''
    const events: string[] = []
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length > 0) events.push(this.#data.length === 1 ? (this.#data[0] ?? '') : this.#data.join('\n'))
        this.#data = []
      } else if (line.startsWith('data:')) {
        this.#data.push(line.slice(line.startsWith('data: ') ? 6 : 5))
      }
    }
    return events
  }
}
