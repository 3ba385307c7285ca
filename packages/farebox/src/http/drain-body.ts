/** The longest that the rest of a body is read for. A body that is taken may come far more slowly, so nobody gains by this. */
const DRAIN_MS = 5_000
/** The most that is read of it; nothing is kept. */
export const DRAIN_BYTES_MAX = 64 * 1024 * 1024

/**
 * Reads on what will not be used of a body, within bounds. Whoever is still sending when the connection closes is told that it was reset, and
 * never sees the answer: nginx, for the same reason, lingers before it closes.
 */
export async function drainBody(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, DRAIN_MS, undefined)
  try {
    for (let bytes = 0; bytes <= DRAIN_BYTES_MAX; ) {
      const step = await Promise.race([reader.read(), late])
      if (step === undefined || step.done) return
      bytes += step.value.length
    }
  } catch {
    // The client has left, and nobody waits for the answer.
  } finally {
    clearTimeout(timer)
  }
}
