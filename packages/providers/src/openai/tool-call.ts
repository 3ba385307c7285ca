import type { ToolCall } from '@farebox/core'
import { asText } from '../adapter/answer.ts'

/** A whole call of a tool as it came; without a name it is none. */
export function readToolCall(given: { id: unknown; name: unknown; arguments: unknown }): ToolCall[] {
  const name = asText(given.name)
  return name === undefined ? [] : [{ id: asText(given.id) || toolCallId(), name, arguments: argumentsText(given.arguments) }]
}

/** Arguments as JSON text. Some servers that speak OpenAI's protocol give them as the object itself. */
export function argumentsText(given: unknown): string {
  return asText(given) ?? (given === undefined || given === null ? '' : JSON.stringify(given))
}

/**
 * An id for a call whose server gave it none: the tool's result must name its call. Nine letters and digits, which is all that the strictest
 * of the servers take that such a conversation may go on at.
 */
export function toolCallId(): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, 9)
}
