import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** Workspace packages are imported from `src`, so tests never run against a stale build. */
const sourceConditions = ['farebox-source', 'module', 'node', 'development|production']

// Each file has a process of its own, and many start others: half of what a start takes is to compile the same modules again.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/node')

export default defineConfig({
  resolve: { conditions: sourceConditions },
  ssr: { resolve: { conditions: sourceConditions, externalConditions: ['farebox-source', 'node'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/bench/**', 'test/documentation/snippet-*/**'],
    globalSetup: ['test/support/postgres-global-setup.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A process that a test starts with `process.execPath` and `process.execArgv` sees the sources too.
    execArgv: ['--conditions=farebox-source'],
  },
})
