import type Anthropic from '@anthropic-ai/sdk'
import { type ChatMessage, type ContentPart, ProviderError, type ToolCall } from '@farebox/core'
import { asRecord } from '../adapter/answer.ts'

type Turn = Anthropic.UserMessageParam | Anthropic.AssistantMessageParam
type Block = Anthropic.ContentBlockParam

/** A conversation in Anthropic's form, with the system prompt apart from the turns of user and assistant. */
export interface Conversation {
  system?: string
  messages: Turn[]
}

/**
 * Converts a conversation to Anthropic's form. It merges consecutive turns of one role, because the results of parallel tool
 * calls belong in one user turn, together with the user's next message.
 *
 * @param callId  rewrites the ids of tool calls
 * @throws {ProviderError} `unsupported`: only the system says anything, or an image is neither an `http:` or `https:` URL nor
 *   base64 in a format that Anthropic reads
 */
export function conversation(
  provider: string,
  messages: readonly ChatMessage[],
  callId: (id: string) => string = (id) => id,
): Conversation {
  const system = messages.flatMap((message) =>
    (message.role === 'system' || message.role === 'developer') && message.content.trim() !== '' ? [message.content] : [],
  )
  const turns: { role: Turn['role']; content: Block[] }[] = []
  for (const message of messages) {
    const content = blocks(provider, message, callId)
    // Anthropic refuses an empty message.
    if (content.length === 0) continue
    const role = message.role === 'assistant' ? 'assistant' : 'user'
    const last = turns.at(-1)
    if (last?.role === role) last.content.push(...content)
    else turns.push({ role, content })
  }
  if (turns.length === 0) {
    const message = `${provider} answers nobody: a conversation needs words of a user or an assistant`
    throw new ProviderError(message, { provider, kind: 'unsupported', providerParameter: 'messages' })
  }
  return { ...(system.length === 0 ? {} : { system: system.join('\n\n') }), messages: turns }
}

/**
 * An id that Anthropic accepts for a tool call. Calls that another model made have others: `functions.look:0` is Kimi's. Ids
 * that differ in such characters stay different.
 *
 * @source Anthropic's answer 400: "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
 */
export function claudeCallId(id: string): string {
  return id.replace(/[^\w-]/g, (character) => `_${character.charCodeAt(0).toString(16)}`)
}

function blocks(provider: string, message: ChatMessage, callId: (id: string) => string): Block[] {
  switch (message.role) {
    case 'user':
      return typeof message.content === 'string'
        ? text(message.content)
        : message.content.flatMap((part) => userPart(provider, part))
    case 'assistant':
      return [...text(message.content ?? ''), ...(message.toolCalls ?? []).map((call) => toolUse(call, callId(call.id)))]
    case 'tool':
      return [{ type: 'tool_result', tool_use_id: callId(message.toolCallId), content: message.content }]
    default:
      return []
  }
}

/** A text block. None for blank text, which Anthropic refuses. */
function text(given: string): Block[] {
  return given.trim() === '' ? [] : [{ type: 'text', text: given }]
}

function userPart(provider: string, part: ContentPart): Block[] {
  return part.type === 'text' ? text(part.text) : [{ type: 'image', source: imageSource(provider, part.url) }]
}

function imageSource(provider: string, url: string): Anthropic.Base64ImageSource | Anthropic.URLImageSource {
  if (/^https?:/i.test(url)) return { type: 'url', url }
  const comma = url.indexOf(',')
  const head = comma < 0 ? '' : url.slice(0, comma).toLowerCase()
  const [, format] = /^data:image\/(jpe?g|png|gif|webp);/.exec(head) ?? []
  if (format === undefined || !head.endsWith(';base64')) {
    const message = `${provider} reads images of https: URLs, and of data: URLs with JPEG, PNG, GIF or WebP in base64`
    throw new ProviderError(message, { provider, kind: 'unsupported', providerParameter: 'image_url' })
  }
  // Many write `image/jpg`, which other providers read.
  const mediaType = `image/${format === 'jpg' ? 'jpeg' : format}` as Anthropic.Base64ImageSource['media_type']
  return { type: 'base64', media_type: mediaType, data: url.slice(comma + 1) }
}

function toolUse({ name, arguments: given }: ToolCall, id: string): Anthropic.ToolUseBlockParam {
  return { type: 'tool_use', id, name, input: toolInput(given) }
}

/** More levels than the arguments of any tool. `JSON.stringify` recurses for each level, and overflows the stack in some versions. */
const DEPTH_MAX = 200

/** A tool call's arguments as an object, which Anthropic requires. Anything else that a model wrote is wrapped verbatim. */
function toolInput(given: string): Record<string, unknown> {
  if (given.trim() === '') return {}
  try {
    const input = asRecord(JSON.parse(given))
    return input && !isDeep(input) ? input : { arguments: given }
  } catch {
    return { arguments: given }
  }
}

/** Goes level by level, because a recursive check would overflow the stack too. */
function isDeep(input: object): boolean {
  let level: object[] = [input]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_MAX) return true
    level = level.flatMap((node) => Object.values(node).filter((value) => typeof value === 'object' && value !== null))
  }
  return false
}
