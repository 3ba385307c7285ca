/** Epoch milliseconds, UTC. Every part of Farebox that needs the time is given one of these. */
export type Clock = () => number

/** The host's clock. */
export const systemClock: Clock = () => Date.now()
