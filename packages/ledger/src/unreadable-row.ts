import { LedgerInternalError } from './errors.ts'

/** A row that the ledger did not write as it is now: its account can neither be changed nor verified before somebody mends it. */
export class UnreadableRowError extends LedgerInternalError {
  readonly column: string

  constructor(column: string, cause: unknown) {
    super(`the ${column} of a row cannot be read: somebody else changed it`, cause)
    this.column = column
  }
}

/** Parses the JSON text of a column. @throws {UnreadableRowError} it is no JSON, or none that `decode` takes */
export function parseColumn<Value>(column: string, text: string, decode?: (json: unknown) => Value): Value {
  try {
    // Most lists of a row are empty.
    const json: unknown = text === '[]' ? [] : JSON.parse(text)
    return decode ? decode(json) : (json as Value)
  } catch (error) {
    throw new UnreadableRowError(column, error)
  }
}
