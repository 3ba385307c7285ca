import { checkOptionNames, InvalidOptionError } from '@farebox/core'
import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { answerHeaders } from './openapi-parts.ts'

/** Which other origins' pages may call the API. */
export interface CorsOptions {
  /** Origins such as `https://app.example.com`. There is no `*`: everyone who can open a page can spend the API key in it. */
  origins: readonly string[]
  /** How long browsers may cache the permission, in seconds. @defaultValue 600 */
  maxAgeSeconds?: number
}

/** Headers that OpenAI's client adds. Browsers send its requests only if all of them are allowed. @source the package openai */
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

/** @throws {InvalidOptionError} an option is unknown, or an entry of `origins` is not an origin */
export function crossOrigin(options: CorsOptions): MiddlewareHandler {
  checkOptionNames(options, { origins: true, maxAgeSeconds: true }, 'cors')
  const { origins, maxAgeSeconds = 600 } = options
  if (!Array.isArray(origins))
    throw new InvalidOptionError('cors.origins must be a list of origins such as https://app.example.com')
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
