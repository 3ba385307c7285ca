/**
 * How candidates are ordered.
 *
 * | strategy | first comes |
 * |---|---|
 * | `configured` | the configured provider, its fallbacks in order, then other offers by score |
 * | `lowest_cost` | the lowest charge for the expected usage |
 * | `lowest_latency` | the shortest time to the first token or whole answer, as measured, or as the offer states until then |
 * | `highest_quality` | the best quality |
 * | `weighted` | a random draw by the configured weights |
 * | `balanced` | a random draw among those near the best score, which combines price, time, failures and quality |
 *
 * Ties are broken by configured order, then real before simulated providers, then catalog order.
 */
export const routingStrategies = [
  'configured',
  'lowest_cost',
  'lowest_latency',
  'highest_quality',
  'weighted',
  'balanced',
] as const
/** A routing strategy, by its wire name. */
export type RoutingStrategy = (typeof routingStrategies)[number]
