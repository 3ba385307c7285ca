import type { ChatFeatures } from './chat-features.ts'

/**
 * How much each feature adds to the score, by the binary logarithm of one more than its count.
 *
 * Those of `TRAINED` and the bias were found by logistic regression, every weight at least zero, of the share of models that failed at
 * a prompt, over 8,209 prompts of seven public benchmarks: RouteLLM (commit 0b64fdaf: MMLU, GSM8K), ZeroEval (8c1485ed: GSM8K, MATH level
 * 5, CRUXEval, numersense) and MMLU-Pro (f418b116), each weighed by the square root of its size. What those prompts do not have
 * (tools, images, conversations, long answers) is set by judgement.
 */
export const BIAS = -2.78

const TRAINED = { questionTokens: 0.245, reasoningWords: 0.05, numbers: 0.26, mathMarks: 0.28, safetyWords: 0.03 }
const JUDGED = { turns: 0.1, steps: 0.1, codeMarks: 0.25, lengthWords: 0.5, images: 0.5, tools: 0.5 }

export const complexityWeights: Readonly<Partial<Record<keyof ChatFeatures, number>>> = { ...TRAINED, ...JUDGED }

/** Scores up to this are `low`, unless a guard says otherwise: a plain question of some 150 characters. */
export const LOW_MAX = -1.4
/** Scores from this are `high`. */
export const HIGH_MIN = 0.8
