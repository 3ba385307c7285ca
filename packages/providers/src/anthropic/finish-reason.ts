import type { FinishReason } from '@farebox/core'

/** Why an answer ended, in our words. `pause_turn` is a tool of Anthropic's own that wants to go on. */
export function finishReason(reason: string | undefined): FinishReason {
  switch (reason) {
    case 'end_turn':
    case 'stop_sequence':
      return 'stop'
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'tool_use':
      return 'tool_calls'
    case 'refusal':
      return 'content_filter'
    default:
      return 'other'
  }
}
