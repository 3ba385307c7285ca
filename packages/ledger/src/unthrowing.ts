/** Wraps a listener of the host, so that an error in it neither ends the process nor disturbs the work that calls it. */
export function unthrowing<Told extends unknown[]>(listener: ((...told: Told) => void) | undefined): (...told: Told) => void {
  return (...told) => {
    // The listener may be asynchronous and fail later. Nobody waits for it, and there is nobody to tell.
    void (async () => listener?.(...told))().catch(() => undefined)
  }
}
