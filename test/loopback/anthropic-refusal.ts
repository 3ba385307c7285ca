import type Anthropic from '@anthropic-ai/sdk'

/** Every field that a request may have. */
const FIELDS = {
  cache_control: true,
  container: true,
  diagnostics: true,
  inference_geo: true,
  max_tokens: true,
  messages: true,
  metadata: true,
  model: true,
  output_config: true,
  service_tier: true,
  speed: true,
  stop_sequences: true,
  stream: true,
  system: true,
  thinking: true,
  tool_choice: true,
  tools: true,
  temperature: true,
} satisfies Record<keyof Omit<Anthropic.MessageCreateParams, 'user_profile_id' | 'workspace_id'> | 'temperature', true>

/** Why Anthropic would refuse a request, in its words, or `undefined` if it would not: it takes no field that it does not know. */
export function refusalOf(body: Record<string, unknown>): string | undefined {
  const unknown = Object.keys(body).find((field) => !(field in FIELDS))
  if (unknown !== undefined) return `${unknown}: Extra inputs are not permitted`
  if (typeof body.model !== 'string') return 'model: Field required'
  if (!Number.isSafeInteger(body.max_tokens) || Number(body.max_tokens) < 1) return 'max_tokens: Field required'
  const most = /haiku-4-5/.test(body.model) ? 64_000 : 128_000
  if (Number(body.max_tokens) > most) return `max_tokens: ${body.max_tokens} > ${most}, which is the maximum for ${body.model}`
  if (/^claude-[a-z]+-5/.test(body.model) && body.temperature !== undefined) return '`temperature` is deprecated for this model.'
  if (typeof body.temperature === 'number' && body.temperature > 1) return 'temperature: range: 0..1'
  const stops = Array.isArray(body.stop_sequences) ? body.stop_sequences : []
  if (stops.some((stop) => String(stop).trim() === '')) return 'stop_sequences: each stop sequence must contain non-whitespace'
  if (!Array.isArray(body.messages) || body.messages.length === 0) return 'messages: at least one message is required'
  return (
    refusalOfTurns(body.messages as Anthropic.MessageParam[]) ?? refusalOfFormat(body as unknown as Anthropic.MessageCreateParams)
  )
}

/** Answers are held to a schema by models that can be, and where everything in it can be enforced. */
function refusalOfFormat({ model, output_config }: Anthropic.MessageCreateParams): string | undefined {
  const format = output_config?.format
  if (format && format.type !== 'json_schema') return `output_config.format.type: Input should be 'json_schema'`
  const schema = format?.schema
  if (schema === undefined) return undefined
  if (!/^claude-(haiku|sonnet|opus)-(4-[5-9]|5)/.test(model))
    return `output_config.format: ${model} does not support output format`
  return refusalOfSchema(schema)
}

function refusalOfSchema(schema: unknown): string | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined
  const { type, additionalProperties, properties } = schema as Record<string, unknown>
  if (type === 'object' && additionalProperties !== false) {
    return `output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false`
  }
  const bad = ['minimum', 'maximum', 'multipleOf', 'minLength', 'maxLength', 'maxItems', 'oneOf'].find((each) => each in schema)
  if (bad !== undefined) return `output_config.format.schema: For '${type}' type, property '${bad}' is not supported`
  const inner = Object.entries(schema).flatMap(([name, value]) => (name === 'properties' ? [] : [value].flat()))
  for (const each of [...Object.values((properties ?? {}) as object), ...inner]) {
    const refusal = refusalOfSchema(each)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

/** Each use of a tool must be answered in the very next turn, and nothing may be said that is empty. */
function refusalOfTurns(messages: readonly Anthropic.MessageParam[]): string | undefined {
  for (const [place, { role, content }] of messages.entries()) {
    if (!['user', 'assistant'].includes(role)) return `messages.${place}: Unexpected role "${role}"`
    const blocks = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
    if (blocks.length === 0) return `messages.${place}: all messages must have non-empty content`
    if (blocks.some((block) => block.type === 'text' && block.text === '')) {
      return 'messages: text content blocks must be non-empty'
    }
    if (blocks.some((block) => block.type === 'text' && block.text.trim() === '')) {
      return 'messages: text content blocks must contain non-whitespace text'
    }
    const used = blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))
    const next = messages[place + 1]?.content
    const answered = Array.isArray(next) ? next.flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : [])) : []
    const left = used.find((id) => !answered.includes(id))
    if (left !== undefined) return `messages.${place}: \`tool_use\` ids were found without \`tool_result\` blocks: ${left}`
  }
  return undefined
}
