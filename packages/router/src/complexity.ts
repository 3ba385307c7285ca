import type { ChatFeatures } from './chat-features.ts'
import type { RouteRequest } from './route-request.ts'
import type { Complexity, ServiceConfiguration } from './service-configuration.ts'

/** Judges how hard a request is to answer well. Must be pure and fast. A learned model can replace {@link complexityClassifier}. */
export interface ComplexityClassifier {
  /** Name and version, for decision records. */
  readonly name: string
  classify(features: ChatFeatures): ComplexityVerdict
}

/** What a classifier found, and why. */
export interface ComplexityVerdict {
  readonly complexity: Complexity
  /** Higher means harder. {@link complexityClassifier} adds the contributions to a constant. */
  readonly score: number
  /** What each feature added to the score, largest first. Features that added nothing are left out. */
  readonly contributions: readonly Contribution[]
  /** Why the request is not `low`, although its score is. */
  readonly guard?: string
}

/** What one feature added to a score. */
export interface Contribution {
  readonly feature: string
  readonly value: number
  readonly weight: number
  /** `value` times `weight`. */
  readonly contribution: number
}

/** How hard a request was judged to be, and by whom. `default`: the complexity was `auto`, but the request had no features. */
export interface ComplexityDecision {
  readonly complexity: Complexity
  readonly by: 'request' | 'configuration' | 'classifier' | 'default'
  /** Name of the classifier, where it was asked. */
  readonly classifier?: string
  readonly features?: ChatFeatures
  readonly verdict?: ComplexityVerdict
}

/** The complexity of a request: its own, or else the configuration's. For `auto`, the classifier decides. */
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

/** Created once, because planning needs one for every request. */
const statedDecisions = { request: statedBy('request'), configuration: statedBy('configuration') }

function statedBy(by: 'request' | 'configuration'): Record<Complexity, ComplexityDecision> {
  const of = (complexity: Complexity) => Object.freeze({ complexity, by })
  return { low: of('low'), medium: of('medium'), high: of('high') }
}
