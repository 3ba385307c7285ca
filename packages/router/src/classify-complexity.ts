import type { ChatFeatures } from './chat-features.ts'
import type { ComplexityClassifier, Contribution } from './complexity.ts'
import { BIAS, complexityWeights, HIGH_MIN, LOW_MAX } from './complexity-weights.ts'

/** A text with a smaller share of common English words does not count as English. */
const ENGLISH_SHARE_MIN = 0.15
/** Requests that allow longer answers are not simple. */
const OUTPUT_TOKENS_MAX = 2_048
/** Longer conversations are not simple. */
const CONTEXT_TOKENS_MAX = 4_000

/**
 * The classifier that comes with Farebox: a weighted sum of features, each reported as a contribution. It is cautious. Only a
 * short plain question is `low`. A request is at least `medium` if it has tools, images, code, mathematics, terms of health, law,
 * money or danger, words that ask for reasoning, or text in a language other than English.
 */
export const complexityClassifier: ComplexityClassifier = {
  name: 'farebox-1',
  classify(features) {
    const contributions: Contribution[] = []
    let score = BIAS
    for (const [feature, weight] of weighed) {
      const value = Math.log2(1 + features[feature])
      if (value === 0) continue
      contributions.push({ feature, value, weight, contribution: value * weight })
      score += value * weight
    }
    contributions.sort((left, right) => right.contribution - left.contribution)
    if (score >= HIGH_MIN) return { complexity: 'high', score, contributions }
    if (score > LOW_MAX) return { complexity: 'medium', score, contributions }
    const guard = guardAgainstLow(features)
    return { complexity: guard ? 'medium' : 'low', score, contributions, guard }
  },
}

const weighed = Object.entries(complexityWeights) as [keyof ChatFeatures, number][]

/** Why a request with these features is not simple. `undefined`: it may be. */
function guardAgainstLow(features: ChatFeatures): string | undefined {
  if (features.turns === 0 || features.questionTokens === 0) return 'nothing is asked'
  if (features.tools > 0) return 'it has tools'
  if (features.images > 0) return 'it has images'
  if (features.codeMarks > 0) return 'it has code'
  if (features.mathMarks > 0) return 'it has mathematics'
  if (features.safetyWords > 0) return 'it touches health, law, money or danger'
  if (features.reasoningWords > 0) return 'it asks for reasoning'
  if (features.lengthWords > 0 || features.outputTokensMax > OUTPUT_TOKENS_MAX) return 'it asks for a long answer'
  if (features.contextTokens > CONTEXT_TOKENS_MAX) return 'the conversation is long'
  if (features.scripts > 1) return 'it uses several writing systems'
  if (features.englishShare < ENGLISH_SHARE_MIN || features.otherLetters > 0) return 'it is not in English'
  return undefined
}
