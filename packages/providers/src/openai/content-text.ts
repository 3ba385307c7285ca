import { asRecord, asText } from '../adapter/answer.ts'

/**
 * The text of an answer, or of a piece of one. OpenAI gives it as it is; some servers that speak its protocol give a list of parts, such as
 * Mistral's models, and there what the model thought is no part of the answer.
 *
 * @returns `undefined` where it has none
 */
export function contentText(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  const parts = Array.isArray(content) ? content : [content]
  const texts = parts.map(partText).filter((text) => text !== undefined)
  return texts.length > 0 ? texts.join('') : undefined
}

const TEXT_TYPES: ReadonlySet<unknown> = new Set(['text', 'output_text', undefined])

function partText(given: unknown): string | undefined {
  const part = asRecord(given)
  if (!part) return asText(given)
  return TEXT_TYPES.has(part.type) ? asText(part.text) : undefined
}
