import { LedgerInternalError } from './errors.ts'

/**
 * Thrown for a row that something else changed. Its account can be neither changed nor verified until somebody repairs the row.
 */
export class UnreadableRowError extends LedgerInternalError {
  readonly column: string

  constructor(column: string, cause: unknown) {
    super(`the ${column} of a row cannot be read: somebody else changed it`, cause)
    this.column = column
  }
}

/** Parses the JSON text of a column. @throws {UnreadableRowError} it is not JSON, or `decode` rejects it */
export function parseColumn<Value>(column: string, text: string, decode?: (json: unknown) => Value): Value {
  try {
    // Skips parsing for most lists in a row, which are empty.
    const json: unknown = text === '[]' ? [] : JSON.parse(text)
    return decode ? decode(json) : (json as Value)
  } catch (error) {
    throw new UnreadableRowError(column, error)
  }
}
