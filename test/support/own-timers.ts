import { afterAll, expect } from 'vitest'

/** Kept on the process itself, since each test file runs this module anew. */
const kept = globalThis as typeof globalThis & { fareboxTimers?: ReturnType<typeof timers> }
kept.fareboxTimers ??= timers()

// The tests of all files after one that left fake timers behind would wait for theirs until they are given up.
afterAll(() => expect(timers(), 'the timers that a test file left behind').toEqual(kept.fareboxTimers))

function timers() {
  const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = globalThis
  return { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate }
}
