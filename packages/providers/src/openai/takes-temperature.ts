import type { ChatRequest } from '@farebox/core'

/**
 * Whether a request may have a temperature. OpenAI's models that reason answer 400 to any but the default, unless they are told not
 * to reason. Models of other names, such as those of other makers behind this protocol, accept one.
 *
 * @source https://platform.openai.com/docs/guides/reasoning, and the catalog of models of the AI SDK (`@ai-sdk/openai`)
 */
export function takesTemperature({ model, providerOptions = {} }: Pick<ChatRequest, 'model' | 'providerOptions'>): boolean {
  const { reasoning, reasoning_effort: effort = (reasoning as { effort?: unknown } | null | undefined)?.effort } = providerOptions
  return effort === 'none' || !REASONING.test(model)
}

/** `o3`, `o4-mini-2025-04-16`, `gpt-5`, `gpt-5.2-pro`, but not `gpt-5-chat-latest`, nor `gpt-35-turbo`, as Azure calls GPT-3.5. */
const REASONING = /^(?:openai\/)?(?:o\d+|gpt-(?:[5-9]|[12]\d)(?:\.\d+)?(?!.*-chat))(?:-|$)/
