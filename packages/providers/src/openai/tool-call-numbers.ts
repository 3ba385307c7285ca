import { toolCallId } from './tool-call.ts'

/** What a piece of a tool call says of which call it belongs to. */
interface Piece {
  index: number | undefined
  id: string | undefined
  name: string | undefined
}

interface Call extends Piece {
  isIdTold: boolean
}

/**
 * Numbers the calls of tools in one streamed answer. OpenAI gives each an index; some servers that speak its protocol leave it out or give
 * all calls the same, and one call may have another id in each of its pieces. A call begins with its name.
 */
export class ToolCallNumbers {
  readonly #calls: Call[] = []

  /** The number of the call that a piece belongs to, from 0; and with the first that can tell, the call's id, made up where it has none. */
  take(piece: Piece): { number: number; id: string | undefined } {
    const number = this.#numberOf(piece)
    const call = this.#calls[number]
    if (!call || call.isIdTold) return { number, id: undefined }
    const id = piece.id ?? (piece.name === undefined ? undefined : toolCallId())
    call.isIdTold = id !== undefined
    return { number, id }
  }

  #numberOf(piece: Piece): number {
    const known = this.#lastOf(piece)
    const call = this.#calls[known]
    if (call && !beginsAnother(piece, call)) {
      call.name ||= piece.name
      call.id ||= piece.id
      return known
    }
    return this.#calls.push({ ...piece, isIdTold: false }) - 1
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
