import type { CallContext, EmbedRequest, EmbedResult } from '@farebox/core'
import type OpenAI from 'openai'
import { asRecord, asText, malformed } from '../adapter/answer.ts'
import { readable } from '../adapter/readable-usage.ts'
import { openaiEmbeddingUsage } from '../usage/openai.ts'
import { type OpenaiConnection, resource } from './openai-client.ts'
import { openaiError } from './openai-error.ts'
import { openOpenaiCall, send } from './send.ts'

/** Embeds texts. */
export async function embed(connection: OpenaiConnection, request: EmbedRequest, context: CallContext): Promise<EmbedResult> {
  const call = openOpenaiCall(connection, context)
  try {
    const { data, requestId } = await send(connection, call, {
      client: connection.texts,
      create: (client, options) => resource(connection, client.embeddings, 'embeddings').create(embedBody(request), options),
    })
    const answer = asRecord(data)
    const embeddings = readVectors(answer?.data, request.inputs.length)
    const usage = readable(() => openaiEmbeddingUsage(answer?.usage))
    if (!embeddings) throw malformed(connection.name, 'a vector for each text', requestId, usage)
    return {
      embeddings,
      model: asText(answer?.model) || request.model,
      ...(usage === undefined ? {} : { usage }),
      ...(requestId === undefined ? {} : { requestId }),
    }
  } catch (thrown) {
    throw openaiError(connection, thrown, context)
  } finally {
    call.end()
  }
}

function embedBody(request: EmbedRequest): OpenAI.EmbeddingCreateParams {
  return {
    ...request.providerOptions,
    model: request.model,
    input: [...request.inputs],
    // By default the SDK requests base64, which not every compatible server supports.
    encoding_format: 'float',
    ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
  }
}

/** The vectors in the order of their texts. The answer numbers them but may order them differently. */
function readVectors(data: unknown, count: number): number[][] | undefined {
  const vectors: number[][] = []
  for (const [position, given] of (Array.isArray(data) ? data : []).entries()) {
    const item = asRecord(given)
    const index = typeof item?.index === 'number' ? item.index : position
    if (isVector(item?.embedding)) vectors[index] = item.embedding
  }
  return vectors.length === count && !vectors.includes(undefined as never) ? vectors : undefined
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === 'number')
}
