import type { FinishReason } from '@farebox/core'

/** Maps Anthropic's stop reason to ours. `pause_turn`, with which a server tool pauses a turn, maps to `other`. */
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
