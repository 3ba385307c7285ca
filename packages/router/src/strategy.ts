/**
 * How candidates are ordered.
 *
 * | strategy | first comes |
 * |---|---|
 * | `configured` | the configured provider, its fallbacks in order, then other offers by score |
 * | `lowest_cost` | the lowest charge for the expected usage |
 * | `lowest_latency` | the shortest time to the first byte, as measured, or as the offer says until then |
 * | `highest_quality` | the best quality |
 * | `weighted` | drawn at random by the configured weights |
 * | `balanced` | by lot, one of those with nearly the best score of price, time, failures and quality together |
 *
 * Ties go to the configured order, then to real before simulated providers, then to the order of the catalog.
 */
export const routingStrategies = [
  'configured',
  'lowest_cost',
  'lowest_latency',
  'highest_quality',
  'weighted',
  'balanced',
] as const
/** A strategy by its wire name. */
export type RoutingStrategy = (typeof routingStrategies)[number]
