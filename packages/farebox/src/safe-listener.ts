/**
 * A listener of the host's that neither ends the work nor the process: what it fails at, at once or later, is told to `onError`.
 *
 * @param listener  it may be asynchronous; nobody waits for it
 */
export function safeListener<Facts extends unknown[]>(
  listener: ((...facts: Facts) => void) | undefined,
  onError: (error: unknown) => void,
): (...facts: Facts) => void {
  return (...facts) => void (async () => listener?.(...facts))().catch(onError)
}
