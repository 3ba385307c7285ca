/** The most characters of one event: many times an image. A line that never ends would fill the memory of the process. */
const EVENT_LENGTH_MAX = 2 ** 26

/**
 * Parses the `data` of server-sent events out of chunks of bytes. It skips comments, event names and ids.
 *
 * As the specification demands, it drops an event that the stream's end cuts off.
 *
 * @source https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventParser {
  readonly #decoder = new TextDecoder()
  /** The pieces of an unfinished line. They are joined once, because a line may be megabytes long: an image, for example. */
  #pieces: string[] = []
  #data: string[] = []
  /** The characters in the pieces, and in the lines of the data: each is kept, even an empty one. */
  #piecesLength = 0
  #dataLength = 0
  /** Whether the last character was `\r`. A `\n` after it ends the same line. */
  #isAfterReturn = false

  /**
   * The events that end within this chunk.
   *
   * @throws {SyntaxError} an event is longer than any that a provider sends
   */
  read(chunk: Uint8Array): string[] {
    const decoded = this.#decoder.decode(chunk, { stream: true })
    if (decoded === '') return []
    const text = this.#isAfterReturn && decoded.startsWith('\n') ? decoded.slice(1) : decoded
    this.#isAfterReturn = decoded.endsWith('\r')
    // Almost all servers end lines with `\n` alone, and splitting at one character is many times faster.
    const lines = text.includes('\r') ? text.split(/\r\n|\n|\r/) : text.split('\n')
    this.#pieces.push(lines[0] ?? '')
    this.#piecesLength += lines[0]?.length ?? 0
    if (this.#piecesLength + this.#dataLength > EVENT_LENGTH_MAX) throw new SyntaxError('a server-sent event has no end')
    if (lines.length === 1) return []
    lines[0] = this.#pieces.join('')
    const rest = lines.pop() ?? ''
    this.#pieces = rest === '' ? [] : [rest]
    this.#piecesLength = rest.length
    const events: string[] = []
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length > 0) events.push(this.#data.length === 1 ? (this.#data[0] ?? '') : this.#data.join('\n'))
        this.#data = []
        this.#dataLength = 0
      } else if (line.startsWith('data:')) {
        this.#data.push(line.slice(line.startsWith('data: ') ? 6 : 5))
        this.#dataLength += line.length + 1
      }
    }
    return events
  }
}
