import { claudeSchema } from './claude-schema.ts'
import { isRecord } from './is-record.ts'

type Options = Readonly<Record<string, unknown>>

/** Parameters with the same name and meaning in both of OpenAI's chat APIs. */
const SHARED = [
  'top_p',
  'parallel_tool_calls',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
  'service_tier',
]

/** Translates parameters of chat completions to those of responses. Leaves out what responses do not know, such as `seed`. */
export function responsesOptions(options: Options): Record<string, unknown> {
  const { response_format, verbosity, reasoning_effort } = options
  const text = { ...(isRecord(response_format) && { format: responsesFormat(response_format) }), ...given({ verbosity }) }
  return {
    ...shared(options),
    ...(Object.keys(text).length > 0 && { text }),
    ...(reasoning_effort !== undefined && { reasoning: { effort: reasoning_effort } }),
  }
}

/**
 * Translates parameters of responses to those of chat completions. Leaves out what these do not know, such as `truncation`.
 *
 * @param tools  the caller's. Chat completions refuse to be told how to call none
 */
export function chatOptions(options: Options, tools: readonly unknown[] | null | undefined): Record<string, unknown> {
  const text = isRecord(options.text) ? options.text : {}
  const reasoning = isRecord(options.reasoning) ? options.reasoning : {}
  const { parallel_tool_calls, ...others } = shared(options)
  return {
    ...others,
    ...(tools?.length && given({ parallel_tool_calls })),
    ...(isRecord(text.format) && { response_format: chatFormat(text.format) }),
    ...given({ verbosity: text.verbosity, reasoning_effort: reasoning.effort }),
  }
}

/**
 * Translates parameters of chat completions to those of Anthropic's messages: the schema of the answer, and that tools are called
 * one at a time. Without a schema, only the prompt asks Claude for JSON.
 *
 * @param tools  the caller's. Anthropic refuses a choice among none
 */
export function messagesOptions(
  { response_format, parallel_tool_calls }: Options,
  tools: readonly unknown[] | null | undefined,
): Record<string, unknown> {
  const format = isRecord(response_format) ? messagesFormat(response_format) : undefined
  return {
    ...(format && { output_config: { format } }),
    ...(parallel_tool_calls === false && tools?.length && { tool_choice: { type: 'auto', disable_parallel_tool_use: true } }),
  }
}

/** A form that Claude does not know stays as it is, for Claude to refuse. */
function messagesFormat(given: Options): object | undefined {
  if (given.type === 'text' || given.type === 'json_object') return undefined
  if (given.type !== 'json_schema') return given
  const { schema } = isRecord(given.json_schema) ? given.json_schema : {}
  return isRecord(schema) ? { type: 'json_schema', schema: claudeSchema(schema) } : undefined
}

/** `{ type, json_schema: { name, schema } }` becomes `{ type, name, schema }`. */
function responsesFormat({ type, json_schema }: Options): unknown {
  return isRecord(json_schema) ? { type, ...json_schema } : { type }
}

function chatFormat({ type, ...schema }: Options): unknown {
  return type === 'json_schema' ? { type, json_schema: schema } : { type }
}

function shared(options: Options): Record<string, unknown> {
  return given(Object.fromEntries(SHARED.map((name) => [name, options[name]])))
}

function given(options: Options): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null))
}
