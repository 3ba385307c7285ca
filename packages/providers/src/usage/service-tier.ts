/** The tiers with prices of their own. Other names, such as `default`, `standard` and Groq's `on_demand`, are the usual one. */
const PRICED_APART: ReadonlySet<unknown> = new Set(['batch', 'flex', 'priority', 'scale', 'fast'])

/** The `serviceTier` of a usage: the first tier with prices of its own that an answer names. */
export function tierOf(...named: readonly unknown[]): { serviceTier?: string } {
  const tier = named.find((name): name is string => typeof name === 'string' && PRICED_APART.has(name))
  return tier === undefined ? {} : { serviceTier: tier }
}
