/** Where a command writes to, and what it leaves as the exit code. */
export interface Terminal {
  /** Prints rows for people. */
  table(rows: readonly object[]): void
  line(text: string): void
  error(text: string): void
  exitCode(code: number): void
  /** Shows how far long work has come, in place of what it showed before; an empty text ends it. Absent where nobody watches. */
  progress?(text: string): void
}
