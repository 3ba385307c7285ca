/**
 * Parses the `data` of server-sent events out of chunks of bytes. It skips comments, event names and ids.
 *
 * As the specification demands, it drops an event that the stream's end cuts off.
 *
 * @source https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventParser {
  readonly #decoder = new TextDecoder()
  /** The start of an unfinished line. */
  #rest = ''
  #data: string[] = []

  /** The events that end within this chunk. */
  read(chunk: Uint8Array): string[] {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true })
    // Almost all servers end lines with `\n` alone, and splitting at one character is many times faster.
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
