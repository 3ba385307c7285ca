/** The tiers with prices of their own. Other names, such as `default`, `standard` and Groq's `on_demand`, are the usual one. */
const PRICED_APART: ReadonlySet<unknown> = new Set(['batch', 'flex', 'priority', 'scale'])

/** The `serviceTier` of a usage, by the tier that an answer names. */
export function tierOf(named: unknown): { serviceTier?: string } {
  return typeof named === 'string' && PRICED_APART.has(named) ? { serviceTier: named } : {}
}
