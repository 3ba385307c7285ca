import type { ChatFeatures } from './chat-features.ts'
import type { ComplexityClassifier, Contribution } from './complexity.ts'
import { BIAS, complexityWeights, HIGH_MIN, LOW_MAX } from './complexity-weights.ts'

/** Of a share of common words below this, the text is not taken for English. */
const ENGLISH_SHARE_MIN = 0.15
/** Answers that may be longer than this are not simple. */
const OUTPUT_TOKENS_MAX = 2_048
/** Conversations longer than this are not simple. */
const CONTEXT_TOKENS_MAX = 4_000

/**
 * The classifier that comes with Farebox: a sum of weighed features, each of which can be seen. It is careful: `low` is a short plain
 * question and nothing else, and whatever has tools, images, code, mathematics, words of health, law, money or danger, words that ask
 * for thought, or a language whose words it does not know, is `medium` at least.
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

/** Why features are not those of a simple request; `undefined` when they may be. */
function guardAgainstLow(features: ChatFeatures): string | undefined {
  if (features.turns === 0 || features.questionTokens === 0) return 'nothing is asked'
  if (features.tools > 0) return 'it has tools'
  if (features.images > 0) return 'it has images'
  if (features.codeMarks > 0) return 'it has code'
  if (features.mathMarks > 0) return 'it has mathematics'
  if (features.safetyWords > 0) return 'it touches health, law, money or danger'
  if (features.reasoningWords > 0) return 'it asks for thought'
  if (features.lengthWords > 0 || features.outputTokensMax > OUTPUT_TOKENS_MAX) return 'it asks for a long answer'
  if (features.contextTokens > CONTEXT_TOKENS_MAX) return 'the conversation is long'
  if (features.scripts > 1) return 'it has several writing systems'
  if (features.englishShare < ENGLISH_SHARE_MIN || features.otherLetters > 0) return 'it is not in English'
  return undefined
}
