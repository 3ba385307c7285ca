/** Epoch milliseconds, UTC. Every part of Farebox that needs the time is given one of these. */
export type Clock = () => number

/** The host's clock. */
export const systemClock: Clock = () => Date.now()

/**
 * The host's clock as it was when the process began, counted on in whole milliseconds by one that nobody sets: for how long something took or
 * may take. What time it is, {@link systemClock} knows.
 */
export const steadyClock: Clock = () => Math.floor(performance.timeOrigin + performance.now())
