import { z } from 'zod'

// What the routes for OpenAI's clients answer: the subset of OpenAI's fields that Farebox fills. `test/compat/spec.test.ts`
// checks them against OpenAI's own specification.

const usageDetails = z.record(z.string(), z.number().int())

export const openaiError = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
})

export const chatCompletionAnswer = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.number().int(),
  model: z.string().describe('The wire name of the provider that answered'),
  choices: z.array(
    z.object({
      index: z.number().int(),
      message: z.object({
        role: z.literal('assistant'),
        content: z.string().nullable(),
        refusal: z
          .string()
          .nullable()
          .describe('The words with which the model declined, if its provider distinguishes them from an answer'),
        tool_calls: z
          .array(
            z.object({
              id: z.string(),
              type: z.literal('function'),
              function: z.object({ name: z.string(), arguments: z.string() }),
            }),
          )
          .optional(),
      }),
      logprobs: z.unknown(),
      finish_reason: z.string(),
    }),
  ),
  usage: z
    .object({
      prompt_tokens: z.number().int(),
      completion_tokens: z.number().int(),
      total_tokens: z.number().int(),
      prompt_tokens_details: usageDetails,
      completion_tokens_details: usageDetails,
    })
    .optional(),
})

export const responseAnswer = z.looseObject({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.number().int(),
  status: z.enum(['in_progress', 'completed', 'incomplete']),
  model: z.string(),
  output: z.array(z.looseObject({ type: z.string() })),
  usage: z
    .object({
      input_tokens: z.number().int(),
      input_tokens_details: usageDetails,
      output_tokens: z.number().int(),
      output_tokens_details: usageDetails,
      total_tokens: z.number().int(),
    })
    .optional(),
})

export const embeddingList = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      object: z.literal('embedding'),
      index: z.number().int(),
      embedding: z.union([z.array(z.number()), z.string()]).describe('An array of numbers, or 32-bit floats in Base64'),
    }),
  ),
  model: z.string(),
  usage: z.object({ prompt_tokens: z.number().int(), total_tokens: z.number().int() }).optional(),
})

export const transcription = z.object({
  text: z.string(),
  task: z.literal('transcribe').optional(),
  language: z.string().optional(),
  duration: z.number().optional(),
  usage: z.object({ type: z.literal('duration'), seconds: z.number() }).optional(),
})

export const model = z.object({ id: z.string(), object: z.literal('model'), created: z.number().int(), owned_by: z.string() })

export const modelList = z.object({ object: z.literal('list'), data: z.array(model) })
