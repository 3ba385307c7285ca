/** The longest time to drain a body. This helps no attacker: a body that is accepted may arrive far more slowly. */
const DRAIN_MS = 5_000
/** The most bytes to drain. None are kept. */
export const DRAIN_BYTES_MAX = 64 * 1024 * 1024

/**
 * Reads and discards the rest of a body, within bounds. A client that is still sending when the connection closes sees a reset
 * instead of the answer. nginx lingers before it closes for the same reason.
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
