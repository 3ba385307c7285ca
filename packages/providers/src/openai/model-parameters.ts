import { type ChatRequest, ProviderError } from '@farebox/core'

type Options = Readonly<Record<string, unknown>>

/**
 * Whether a request may have a temperature. OpenAI's models that reason answer 400 to any but the default, unless they are told not
 * to reason. Models of other names, such as those of other makers behind this protocol, accept one.
 *
 * @source https://platform.openai.com/docs/guides/reasoning, and the catalog of models of the AI SDK (`@ai-sdk/openai`)
 */
export function takesTemperature({ model, providerOptions = {} }: Pick<ChatRequest, 'model' | 'providerOptions'>): boolean {
  return !reasons(model, providerOptions)
}

/**
 * Checks that a model takes the request's stop sequences. They change the answer, so they are not left out.
 *
 * @throws {ProviderError} `unsupported`: the model is known to refuse them
 * @source OpenAI's OpenAPI document, `StopConfiguration`; gpt-5 to gpt-5.6 answer "'stop' is not supported with this model"
 */
export function checkStop(provider: string, { model, stop }: Pick<ChatRequest, 'model' | 'stop'>): void {
  if (stop === undefined || stop.length === 0 || !REFUSES_STOP.test(model)) return
  const message = `${provider} does not support stop sequences with ${model}`
  throw new ProviderError(message, { provider, kind: 'unsupported', providerParameter: 'stop' })
}

/**
 * The names of those options that OpenAI answers 400 to with this model, as far as is known: models that reason refuse sampling.
 *
 * @source https://platform.openai.com/docs/guides/reasoning, and the catalog of models of the AI SDK (`@ai-sdk/openai`)
 */
export function refusedOptions(model: string, options: Options): readonly string[] {
  if (!REASONING.test(model)) return []
  const refused = reasons(model, options) ? ['logit_bias', ...SAMPLING] : ['logit_bias']
  return refused.filter((name) => name in options)
}

const SAMPLING = ['top_p', 'frequency_penalty', 'presence_penalty', 'logprobs', 'top_logprobs']

function reasons(model: string, { reasoning, reasoning_effort: given }: Options): boolean {
  const effort = given ?? (reasoning as { effort?: unknown } | null | undefined)?.effort
  return effort !== 'none' && REASONING.test(model)
}

/**
 * `o3`, `o4-mini-2025-04-16`, `ft:o4-mini:org::id`, `gpt-5`, `gpt-5.2-pro`, but not `gpt-5-chat-latest`, nor `gpt-35-turbo`, as Azure
 * calls GPT-3.5.
 */
const REASONING = /^(?:openai\/)?(?:ft:)?(?:o\d+|gpt-(?:[5-9]|[12]\d)(?:\.\d+)?(?!.*-chat))(?:[-:]|$)/
/** `o3`, `o3-pro`, `o4-mini` and `gpt-5.2`, but not `o3-mini`, nor another server's `openai/o3`, which may leave them out. */
const REFUSES_STOP = /^(?:ft:)?(?:o3(?!-mini)|o4-mini|gpt-5(?:\.\d+)?(?!.*-chat))(?:[-:]|$)/
