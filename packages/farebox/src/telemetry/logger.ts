/**
 * The host's own logger, with the signature of pino and many others: facts first, then the message. `console` works too. Facts
 * are ids, names of providers, codes and counts. They never contain a caller's text, a provider's message or a secret.
 */
export interface Logger {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}
