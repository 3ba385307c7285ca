import type { Reporter, SerializedError, TestModule } from 'vitest/node'

/** Ends the output with `N passed, N failed`, so that a person or a script need read only the last line. */
export default class SummaryReporter implements Reporter {
  #count: Count | undefined

  constructor() {
    // Vitest itself still prints after `onTestRunEnd`, for example when something keeps it from closing.
    process.once('exit', (exitCode) => {
      const count = this.#count ?? { passed: 0, failed: 0, skipped: 0 }
      // A run that fails before, between or after its tests (no test found, a failed setup) has failed all the same.
      if (exitCode !== 0 && count.failed === 0) count.failed = 1
      if (this.#count !== undefined || exitCode !== 0) process.stdout.write(`${lastLine(count)}\n`)
    })
  }

  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    this.#count = countResults(testModules, unhandledErrors)
  }
}

interface Count {
  passed: number
  failed: number
  skipped: number
}

/** A file that cannot be collected, a failed hook and an unhandled error have no failed test, and count as one each. */
function countResults(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Count {
  const count: Count = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
  for (const testModule of testModules) {
    for (const test of testModule.children.allTests()) {
      const { state } = test.result()
      count[state === 'pending' ? 'skipped' : state] += 1
    }
    count.failed += testModule.errors().length
    for (const suite of testModule.children.allSuites()) count.failed += suite.errors().length
  }
  return count
}

function lastLine({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
