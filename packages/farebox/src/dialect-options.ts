import type { Candidate } from '@farebox/router'
import type { ChatInput, DialectOptions } from './workflow-calls.ts'

type Options = Record<string, unknown>

/**
 * The model of a candidate, and what it is given in the words of its own API. Parameters of an API that its adapter does not speak stay
 * behind: they would make another provider refuse what it could serve.
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

/** What a chat may be sent with, whoever serves it. */
export function possibleOptions({ providerOptions, dialectOptions }: ChatInput): Options[] {
  const byDialect = Object.values(dialectOptions ?? {}).map((own) => ({ ...providerOptions, ...own }))
  return providerOptions ? [providerOptions, ...byDialect] : byDialect
}
