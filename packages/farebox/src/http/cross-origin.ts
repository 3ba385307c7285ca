import { InvalidOptionError } from '@farebox/core'
import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { answerHeaders } from './openapi-parts.ts'

/** Which pages of other origins may ask the API. */
export interface CorsOptions {
  /** Each as `https://app.example.com`. There is no `*`: an API key in a page is spent by whoever gets at that page. */
  origins: readonly string[]
  /** How long browsers may remember it. @defaultValue 600 */
  maxAgeSeconds?: number
}

/** @throws {InvalidOptionError} an origin is none */
export function crossOrigin({ origins, maxAgeSeconds = 600 }: CorsOptions): MiddlewareHandler {
  for (const origin of origins) {
    const parsed = URL.canParse(origin) ? new URL(origin) : undefined
    if (parsed?.origin !== origin) {
      throw new InvalidOptionError(
        `cors.origins must be origins such as https://app.example.com, received ${JSON.stringify(origin)}`,
      )
    }
  }
  return cors({
    origin: [...origins],
    allowMethods: ['GET', 'HEAD', 'POST'],
    allowHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      'x-farebox-workflow',
      'x-farebox-workflow-id',
      'x-farebox-configuration',
      'x-farebox-metadata',
      'x-farebox-max-credits',
    ],
    exposeHeaders: Object.keys(answerHeaders),
    maxAge: maxAgeSeconds,
  })
}
