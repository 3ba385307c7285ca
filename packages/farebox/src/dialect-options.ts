import type { Candidate } from '@farebox/router'
import type { ChatInput, DialectOptions } from './workflow-calls.ts'

type Options = Record<string, unknown>

/**
 * The model of a candidate, and the options in the dialect of its API. Parameters of other dialects are dropped: they would make
 * a provider reject a request that it could serve.
 */
export function modelOf(
  { adapter, offer }: Candidate,
  { providerOptions, dialectOptions }: { providerOptions?: Options; dialectOptions?: DialectOptions },
): { model: string; providerOptions?: Options } {
  const { model } = offer
  const dialect = adapter.dialectOf?.(offer)
  const own = dialect && dialectOptions?.[dialect]
  return own ? { model, providerOptions: { ...providerOptions, ...own } } : { model }
}

/** All options that a chat may be sent with, depending on who serves it. */
export function possibleOptions({ providerOptions, dialectOptions }: ChatInput): Options[] {
  const byDialect = Object.values(dialectOptions ?? {}).map((own) => ({ ...providerOptions, ...own }))
  return providerOptions ? [providerOptions, ...byDialect] : byDialect
}
