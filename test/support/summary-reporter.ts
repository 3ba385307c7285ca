import type { Reporter, SerializedError, TestModule } from 'vitest/node'

/** Ends the output with `N passed, N failed`, so that a person or a script need read only the last line. */
export default class SummaryReporter implements Reporter {
  #lastLine: string | undefined

  constructor() {
    // Vitest itself still prints after `onTestRunEnd`, for example when something keeps it from closing.
    process.once('exit', () => {
      if (this.#lastLine !== undefined) process.stdout.write(`${this.#lastLine}\n`)
    })
  }

  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    this.#lastLine = summarise(testModules, unhandledErrors)
  }
}

/** A file that cannot be collected, a failed hook and an unhandled error have no failed test, and count as one each. */
function summarise(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): string {
  const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
  for (const testModule of testModules) {
    for (const test of testModule.children.allTests()) {
      const { state } = test.result()
      count[state === 'pending' ? 'skipped' : state] += 1
    }
    count.failed += testModule.errors().length
    for (const suite of testModule.children.allSuites()) count.failed += suite.errors().length
  }
  const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
  return `${count.passed} passed, ${count.failed} failed${skipped}`
}
