/**
 * A day: how long an SDK may wait where its timer cannot be turned off. Deadlines are the caller's signal; and without a timeout Anthropic's SDK
 * refuses to ask for an answer that may take longer than ten minutes, unless it is streamed.
 */
export const SDK_TIMEOUT_MS = 86_400_000
