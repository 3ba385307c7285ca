/** Where a command writes, and how it sets its exit code. */
export interface Terminal {
  /** Prints rows for people. */
  table(rows: readonly object[]): void
  line(text: string): void
  error(text: string): void
  exitCode(code: number): void
  /** Shows how far long work has come, in place of the last text. An empty text clears it. Absent where nobody watches. */
  progress?(text: string): void
}
