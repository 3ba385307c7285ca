/** Returns the time in epoch milliseconds, UTC. Every part of Farebox that needs the time takes a clock. */
export type Clock = () => number

/** The host's clock. */
export const systemClock: Clock = () => Date.now()

/**
 * A monotonic clock in whole milliseconds. It starts at the host's time when the process begins, and later changes to the host's
 * clock do not affect it. Use it for durations and deadlines, and {@link systemClock} for the time of day.
 */
export const steadyClock: Clock = () => Math.floor(performance.timeOrigin + performance.now())
