import type { ChatFeatures } from './chat-features.ts'

/**
 * The weight of each feature. A feature adds its weight times the binary logarithm of one more than its count.
 *
 * The bias and the weights in `TRAINED` come from a logistic regression with non-negative weights. It predicts the share of
 * models that fail a prompt, over 8,209 prompts of seven public benchmarks, each weighted by the square root of its size:
 * RouteLLM (commit 0b64fdaf: MMLU, GSM8K), ZeroEval (8c1485ed: GSM8K, MATH level 5, CRUXEval, numersense) and MMLU-Pro
 * (f418b116). The weights in `JUDGED` are set by judgement, because those prompts lack their features (tools, images,
 * conversations, long answers).
 */
export const BIAS = -2.78

const TRAINED = { questionTokens: 0.245, reasoningWords: 0.05, numbers: 0.26, mathMarks: 0.28, safetyWords: 0.03 }
const JUDGED = { turns: 0.1, steps: 0.1, codeMarks: 0.25, lengthWords: 0.5, images: 0.5, tools: 0.5 }

export const complexityWeights: Readonly<Partial<Record<keyof ChatFeatures, number>>> = { ...TRAINED, ...JUDGED }

/** Scores up to this are `low`, unless a guard objects. A plain question of about 150 characters reaches it. */
export const LOW_MAX = -1.4
/** Scores from this on are `high`. */
export const HIGH_MIN = 0.8
