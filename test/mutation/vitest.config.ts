import { defineConfig } from 'vitest/config'
import { onSources } from '../../vitest.config.ts'
import { QuickestFirst } from './quickest-first.ts'

/** The tests that stand between a mutation of the pure code and a release: no databases, and the same dice at every run. */
export default defineConfig({
  ...onSources,
  test: {
    ...onSources.test,
    include: [
      'packages/ledger/src/machine/*.test.ts',
      'packages/pricing/src/{,rules/,margins/,markup/}*.test.ts',
      'test/model/machine.test.ts',
    ],
    maxWorkers: 2,
    setupFiles: ['test/mutation/same-dice.ts'],
    reporters: ['default'],
    // A process for each file is most of what a mutant costs. Nothing here keeps anything between tests.
    isolate: false,
    sequence: { sequencer: QuickestFirst },
  },
})
