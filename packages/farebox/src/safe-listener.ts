/**
 * Wraps a callback of the host so that its errors end neither the work nor the process. They go to `onError`, even if they occur
 * later.
 *
 * @param listener  may be asynchronous; it is not awaited
 */
export function safeListener<Facts extends unknown[]>(
  listener: ((...facts: Facts) => void) | undefined,
  onError: (error: unknown) => void,
): (...facts: Facts) => void {
  return (...facts) => void (async () => listener?.(...facts))().catch(onError)
}
