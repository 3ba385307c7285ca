/**
 * The timeout for SDKs whose timer cannot be turned off, one day, since the caller's signal sets the deadline. Without a timeout,
 * Anthropic's SDK refuses plain requests that may take longer than ten minutes.
 */
export const SDK_TIMEOUT_MS = 86_400_000
