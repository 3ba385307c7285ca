import type { MiddlewareHandler } from 'hono'

/** What every answer says to browsers: it is what it says, it is nothing to show, and it is not to be kept. */
const HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** Adds them where an answer does not say otherwise. Whether a host is reached by HTTPS alone is for the host to say. */
export const safeHeaders: MiddlewareHandler = async (context, next) => {
  await next()
  const { headers } = context.res
  for (const [name, value] of Object.entries(HEADERS)) if (!headers.has(name)) headers.set(name, value)
}
