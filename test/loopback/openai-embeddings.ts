import type OpenAI from 'openai'
import type { Exchange } from './loopback-server.ts'
import { countTokens, errorBody } from './openai-answers.ts'

/** OpenAI's embeddings: three numbers for each text unless more are asked for, which depend on the text. */
export function answerEmbeddings({ request, fault, json, bill }: Exchange): void {
  const { model, input, dimensions, encoding_format } = request.body
  const texts = typeof input === 'string' ? [input] : Array.isArray(input) ? input.map(String) : []
  if (typeof model !== 'string' || texts.length === 0 || texts.includes('') || texts.length > 2_048) {
    json(400, errorBody('$.input is invalid', 'invalid_request_error', null, 'input'))
    return
  }
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0)
  bill({ model, input: texts.join('\n'), quantities: { prompt_tokens: tokens } })
  const vectors = texts.map((text) => vectorOf(text, typeof dimensions === 'number' ? dimensions : 3))
  const { usage, ...rest } = {
    object: 'list',
    model,
    data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  } satisfies OpenAI.CreateEmbeddingResponse
  const data =
    encoding_format === 'base64' ? rest.data.map((item) => ({ ...item, embedding: base64(item.embedding) })) : rest.data
  const isSilent = fault?.fault.type === 'no_usage'
  if (isSilent) fault?.strike()
  json(200, isSilent ? { ...rest, data } : { ...rest, data, usage })
}

function vectorOf(text: string, dimensions: number): number[] {
  return Array.from({ length: dimensions }, (_, index) => ((text.codePointAt(index % text.length) ?? 0) % 100) / 100)
}

function base64(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString('base64')
}
