import type { ChatFeatures } from './chat-features.ts'
import type { RouteRequest } from './route-request.ts'
import type { Complexity, ServiceConfiguration } from './service-configuration.ts'

/** Judges how hard a request is to answer well. A learned model may stand in for {@link complexityClassifier}. Pure and fast. */
export interface ComplexityClassifier {
  /** Names it, with its version, in decision records. */
  readonly name: string
  classify(features: ChatFeatures): ComplexityVerdict
}

/** What a classifier found, and why. */
export interface ComplexityVerdict {
  readonly complexity: Complexity
  /** Sum of the contributions: the higher, the harder. */
  readonly score: number
  /** What each feature added to the score, the weightiest first; features that added nothing are left out. */
  readonly contributions: readonly Contribution[]
  /** Why it is not `low` whatever the score says. */
  readonly guard?: string
}

/** What one feature added to a score. */
export interface Contribution {
  readonly feature: string
  readonly value: number
  readonly weight: number
  /** Their product. */
  readonly contribution: number
}

/** How hard a request was taken to be, and who said so. `default`: it was to be worked out, and nothing was known of it. */
export interface ComplexityDecision {
  readonly complexity: Complexity
  readonly by: 'request' | 'configuration' | 'classifier' | 'default'
  /** The classifier's, where it was asked. */
  readonly classifier?: string
  readonly features?: ChatFeatures
  readonly verdict?: ComplexityVerdict
}

/** The complexity of a request: its own, else the configuration's; where that is `auto`, as `classifier` finds. */
export function resolveComplexity(
  { complexity, features }: Pick<RouteRequest, 'complexity' | 'features'>,
  configuration: Pick<ServiceConfiguration, 'complexity'>,
  classifier: ComplexityClassifier,
): ComplexityDecision {
  const stated = complexity ?? configuration.complexity
  if (stated !== 'auto') return statedDecisions[complexity === undefined ? 'configuration' : 'request'][stated]
  if (!features) return UNKNOWN
  const found = features()
  const verdict = classifier.classify(found)
  return { complexity: verdict.complexity, by: 'classifier', classifier: classifier.name, features: found, verdict }
}

const UNKNOWN: ComplexityDecision = Object.freeze({ complexity: 'medium', by: 'default' })

/** Made once, because planning asks on every request. */
const statedDecisions = { request: statedBy('request'), configuration: statedBy('configuration') }

function statedBy(by: 'request' | 'configuration'): Record<Complexity, ComplexityDecision> {
  const of = (complexity: Complexity) => Object.freeze({ complexity, by })
  return { low: of('low'), medium: of('medium'), high: of('high') }
}
