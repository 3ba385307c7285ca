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

/** What OpenAI's client says of itself: a browser sends none of its requests where these may not be sent. @source the package openai */
const OPENAI_HEADERS = [
  'user-agent',
  'openai-beta',
  'openai-organization',
  'openai-project',
  ...[
    'arch',
    'custom-poll-interval',
    'helper-method',
    'lang',
    'os',
    'package-version',
    'poll-helper',
    'retry-count',
    'runtime',
    'runtime-version',
    'timeout',
  ].map((name) => `x-stainless-${name}`),
]

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
      ...OPENAI_HEADERS,
    ],
    exposeHeaders: Object.keys(answerHeaders),
    maxAge: maxAgeSeconds,
  })
}
