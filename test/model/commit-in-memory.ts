import { type BatchOptions, runBatch } from '../../packages/ledger/src/machine/batch.ts'
import type { Operation, Outcome } from '../../packages/ledger/src/operations.ts'
import type { MemoryStorage } from '../simulator/memory-storage.ts'

/** Commits batches to a storage in memory as a driver does to a database. */
export function commitInMemory(storage: MemoryStorage, options?: BatchOptions) {
  return (operations: readonly Operation[], now: number): Outcome[] => {
    for (;;) {
      const batch = runBatch(operations, options)
      let step = batch.next()
      while (!step.done) step = batch.next({ now, rows: step.value.map((request) => storage.load(request)) })
      storage.write(step.value.changes)
      if (step.value.outcomes) return step.value.outcomes
    }
  }
}
