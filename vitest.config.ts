import { join } from 'node:path'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

/** Workspace packages are imported from `src`, so tests never run against a stale build. */
const sourceConditions = ['farebox-source', 'module', 'node', 'development|production']

// Tests start many processes: half of what a start takes is to compile the same modules again.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/node')

/** Files that leave nothing behind which another could notice: those that follow one another share a process and what it has loaded. */
const sharing = ['packages/*/src/**/*.test.ts', 'test/{cli,client,compat,farebox,ledger,providers,router}/**/*.test.ts']
const others = ['test/!(cli|client|compat|farebox|ledger|providers|router)/**/*.test.ts', 'examples/**/*.test.ts']

/** Are about what their process keeps, sockets and what it has loaded, and so want one of their own. */
const ownProcess = ['undici-fetch', 'elevenlabs-loading'].map((name) => `test/providers/${name}.test.ts`)

/** How the tests of some files run, whichever they are. */
export const onSources = {
  resolve: { conditions: sourceConditions },
  ssr: { resolve: { conditions: sourceConditions, externalConditions: ['farebox-source', 'node'] } },
  test: {
    exclude: ['**/node_modules/**', '**/dist/**', 'test/bench/**', 'test/documentation/snippet-*/**'],
    pool: 'forks',
    // Only what never comes takes so long: on a machine that is busy, processes, sockets and browsers take their time.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 30_000 } },
    // A process that a test starts with `process.execPath` and `process.execArgv` sees the sources too.
    execArgv: ['--conditions=farebox-source'],
  },
} satisfies TestProjectInlineConfiguration

export default defineConfig({
  test: {
    globalSetup: ['test/support/postgres-global-setup.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    maxWorkers: 2,
    // Vitest begins with those that have a process each, which are those that take longest.
    projects: [
      { ...onSources, test: { ...onSources.test, name: 'alone', include: [...others, ...ownProcess] } },
      {
        ...onSources,
        test: {
          ...onSources.test,
          name: 'sharing',
          include: sharing,
          setupFiles: ['test/support/own-timers.ts'],
          exclude: [...onSources.test.exclude, ...ownProcess],
          isolate: false,
        },
      },
    ],
  },
})
