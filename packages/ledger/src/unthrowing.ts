/** A listener of the host's that may throw: that must neither end the process nor be in the way of what it is told of. */
export function unthrowing<Told extends unknown[]>(listener: ((...told: Told) => void) | undefined): (...told: Told) => void {
  return (...told) => {
    try {
      listener?.(...told)
    } catch {
      // It has nobody to tell.
    }
  }
}
