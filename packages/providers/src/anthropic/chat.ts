import type { CallContext, ChatRequest, ChatResult } from '@farebox/core'
import { openCall } from '../adapter/call.ts'
import { gatherChat } from '../adapter/gather-chat.ts'
import type { AnthropicConnection } from './anthropic-client.ts'
import { anthropicError } from './anthropic-error.ts'
import { messageBody, PLAIN_TOKENS_MAX } from './message-body.ts'
import { readMessage } from './read-message.ts'
import { send } from './send.ts'
import { streamChat } from './stream-chat.ts'

/** Makes a plain message. It streams one that may be long, because SDKs refuse to wait for it otherwise. */
export async function chat(connection: AnthropicConnection, request: ChatRequest, context: CallContext): Promise<ChatResult> {
  if ((request.outputTokensMax ?? 0) > PLAIN_TOKENS_MAX)
    return gatherChat(connection.name, streamChat(connection, request, context))
  const call = openCall(connection.name, context.signal)
  try {
    return readMessage(connection, request, await send(connection, call, messageBody(connection, request)))
  } catch (thrown) {
    throw anthropicError(connection, thrown, context)
  } finally {
    call.end()
  }
}
