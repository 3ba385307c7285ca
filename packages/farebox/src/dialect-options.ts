import type { Candidate } from '@farebox/router'
import type { ChatInput } from './workflow-calls.ts'

type Options = Record<string, unknown>

/**
 * The model of a candidate, and the options in the dialect of its API. Parameters of other dialects are dropped: they would make
 * a provider reject a request that it could serve. So are those that its model refuses, unless the caller chose the provider.
 */
export function modelOf(
  { adapter, offer }: Candidate,
  { provider, providerOptions, dialectOptions }: Pick<ChatInput, 'provider' | 'providerOptions' | 'dialectOptions'>,
): { model: string; providerOptions?: Options } {
  const { model } = offer
  const dialect = adapter.dialectOf?.(offer)
  const own = dialect && dialectOptions?.[dialect]
  if (!own) return { model }
  const refused = provider === undefined ? (adapter.refusedOptions?.(offer, own) ?? []) : []
  const taken = refused.length === 0 ? own : Object.fromEntries(Object.entries(own).filter(([name]) => !refused.includes(name)))
  return { model, providerOptions: { ...providerOptions, ...taken } }
}

/** All options that a chat may be sent with, depending on who serves it. */
export function possibleOptions({ providerOptions, dialectOptions }: ChatInput): Options[] {
  const byDialect = Object.values(dialectOptions ?? {}).map((own) => ({ ...providerOptions, ...own }))
  return providerOptions ? [providerOptions, ...byDialect] : byDialect
}
