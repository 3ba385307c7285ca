/** The fields by which a fragment of a tool call identifies its call. */
interface Piece {
  index: number | undefined
  id: string | undefined
  name: string | undefined
}

/**
 * Numbers the tool calls in one streamed answer. OpenAI gives each an index, but some compatible servers omit it, or give all
 * calls the same one, or change a call's id with every fragment. A call's first fragment has its name.
 */
export class ToolCallNumbers {
  readonly #calls: Piece[] = []

  /** The number of the call to which a fragment belongs, from 0. */
  numberOf(piece: Piece): number {
    const known = this.#lastOf(piece)
    const call = this.#calls[known]
    if (call && !beginsAnother(piece, call)) {
      call.name ||= piece.name
      call.id ||= piece.id
      return known
    }
    return this.#calls.push({ ...piece }) - 1
  }

  #lastOf({ index, id }: Piece): number {
    if (index !== undefined) return this.#calls.findLastIndex((call) => call.index === index)
    return id === undefined ? this.#calls.length - 1 : this.#calls.findLastIndex((call) => call.id === id)
  }
}

function beginsAnother({ index, id, name }: Piece, call: Piece): boolean {
  if (name === undefined || call.name === undefined) return false
  return id === undefined ? index === undefined : id !== call.id
}
