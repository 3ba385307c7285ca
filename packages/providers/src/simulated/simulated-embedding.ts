import { type EmbedRequest, type EmbedResult, quantity } from '@farebox/core'
import { fingerprint, mixed } from './fingerprint.ts'
import { countTokens } from './simulated-chat.ts'

/** The default vector length, that of text-embedding-3-small. */
const DIMENSIONS = 1_536

/** Embeds texts as unit vectors. Texts that share words lie closer together, and the same text always gets the same vector. */
export function simulatedEmbedding({ model, inputs, dimensions = DIMENSIONS }: EmbedRequest, seed: number): EmbedResult {
  const tokens = inputs.reduce((sum, text) => sum + countTokens(text), 0)
  return {
    embeddings: inputs.map((text) => vectorOf(text, dimensions, seed)),
    model,
    usage: {
      quantities: [{ meter: 'input', quantity: quantity(tokens), unit: 'tokens' }],
      certainty: 'exact',
      raw: { prompt_tokens: tokens, total_tokens: tokens },
    },
  }
}

function vectorOf(text: string, dimensions: number, seed: number): number[] {
  const vector = new Array<number>(dimensions).fill(0)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]) {
    const direction = fingerprint(seed, word)
    for (let index = 0; index < dimensions; index += 1)
      vector[index] = (vector[index] ?? 0) + mixed(direction + Math.imul(index, 0x9e3779b9)) / 2 ** 32 - 0.5
  }
  const length = Math.hypot(...vector) || 1
  return vector.map((part) => part / length)
}
