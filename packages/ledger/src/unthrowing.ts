/** A listener of the host's that may throw: that must neither end the process nor be in the way of what it is told of. */
export function unthrowing<Told extends unknown[]>(listener: ((...told: Told) => void) | undefined): (...told: Told) => void {
  return (...told) => {
    // It may be asynchronous and fail later. It has nobody to tell, and nobody waits for it.
    void (async () => listener?.(...told))().catch(() => undefined)
  }
}
