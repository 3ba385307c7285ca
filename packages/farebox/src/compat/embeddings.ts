import { z } from 'zod'
import { accountRoute, JsonAnswer, SPENDING } from '../http/route.ts'
import { embeddingList } from './answers.ts'
import { serveWhole } from './serve-whole.ts'
import { tokenCounts } from './token-counts.ts'
import { givenOptions, modelName, openBody, refusedOfOthers, said } from './wire-schemas.ts'

const TOKENS = 'must be texts: token ids are not supported, since they differ between providers'
const input = z.union([
  said.min(1, 'must not be empty'),
  z.array(z.string(TOKENS).min(1, 'must not be empty').max(400_000)).min(1).max(2_048),
])

const embeddingsBody = openBody({
  model: modelName,
  input,
  encoding_format: z.enum(['float', 'base64']).nullish().describe('base64: 32-bit floats, little-endian'),
  dimensions: z.number().int().min(1).max(16_384).nullish(),
  ...refusedOfOthers,
})

/** What an idempotency key keeps of an answer with vectors. */
interface KeptVectors {
  vectors: readonly (readonly number[])[]
  tokens?: number
}

export const embeddings = accountRoute({
  method: 'post',
  path: '/v1/embeddings',
  operationId: 'createEmbedding',
  tag: 'openai',
  summary: 'Turn texts into embeddings, in the format of OpenAI’s API',
  body: embeddingsBody,
  answer: embeddingList,
  fails: SPENDING,
  async handle(call) {
    const { body } = call
    const asked = { service: 'embedding', model: body.model, name: 'embedding', fields: { ...body } }
    const encode = body.encoding_format === 'base64' ? base64 : (vector: readonly number[]) => [...vector]
    return serveWhole<KeptVectors, z.input<typeof embeddingList>>(call, asked, {
      async work(workflow, options) {
        const inputs = typeof body.input === 'string' ? [body.input] : body.input
        const answer = await workflow.embed({
          inputs,
          dimensions: body.dimensions ?? undefined,
          dialectOptions: { 'openai-embeddings': givenOptions(body, embeddingsBody) },
          ...options,
        })
        return { answer: { vectors: answer.embeddings, tokens: tokenCounts(answer.usage)?.input }, metered: answer }
      },
      respond: ({ vectors, tokens }, { provider }, headers) =>
        new JsonAnswer(
          200,
          {
            object: 'list',
            data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encode(vector) })),
            model: provider,
            ...(tokens !== undefined && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
          },
          headers,
        ),
    })
  },
})

function base64(vector: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4))
  for (const [index, part] of vector.entries()) view.setFloat32(index * 4, part, true)
  return Buffer.from(view.buffer).toString('base64')
}
