import type { ChatRequest } from '@farebox/core'

/**
 * A chat without empty lists of tools or stop sequences, which OpenAI refuses, as it refuses a choice among no tools. They mean the
 * same as none. A choice that demands a tool stays, so that the provider refuses it.
 */
export function withoutEmptyLists(request: ChatRequest): ChatRequest {
  const { stop, tools, toolChoice, ...rest } = request
  const hasNoTools = tools?.length === 0 && rest.providerOptions?.tools === undefined
  return {
    ...rest,
    ...(stop?.length ? { stop } : {}),
    ...(tools?.length ? { tools } : {}),
    ...(toolChoice === undefined || (hasNoTools && (toolChoice === 'auto' || toolChoice === 'none')) ? {} : { toolChoice }),
  }
}
