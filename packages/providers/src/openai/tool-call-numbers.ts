import { toolCallId } from './tool-call.ts'

/** The fields by which a fragment of a tool call identifies its call. */
interface Piece {
  index: number | undefined
  id: string | undefined
  name: string | undefined
}

interface Call extends Piece {
  isIdTold: boolean
}

/**
 * Numbers the tool calls in one streamed answer. OpenAI gives each an index, but some compatible servers omit it, or give all
 * calls the same one, or change a call's id with every fragment. A call's first fragment has its name.
 */
export class ToolCallNumbers {
  readonly #calls: Call[] = []

  /**
   * The number of the call to which a fragment belongs, from 0, and, with the first fragment that tells it, the call's id. The id is made up
   * if the server gives none.
   */
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
