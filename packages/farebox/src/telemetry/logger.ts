/**
 * The host's own logger, as pino and many others are: facts first, then what happened. `console` will do. Facts are ids, names of
 * providers, codes and counts; no text of a caller's, no words of a provider's and no secret is among them.
 */
export interface Logger {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}
