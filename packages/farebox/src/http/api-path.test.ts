import { expect, it } from 'vitest'
import { isApiPath } from './api-path.ts'

it.each([
  '/api/v1/credits',
  '/api/v1/credits?x=/own',
  '/api/v1/',
  '/healthz',
  '/readyz?full',
  '/metrics',
  '/openapi.json',
  '/v1/chat/completions',
  '/v1/responses?x',
  '/v1/embeddings',
  '/v1/audio/speech',
  '/v1/audio/transcriptions',
  '/v1/models',
  '/v1/models/gpt-4o',
])('%s is ours', (path) => expect(isApiPath(path)).toBe(true))

it.each([
  '/',
  '/api',
  '/api/v1',
  '/api/v10/credits',
  '/api/v2/credits',
  '/own?next=/api/v1/',
  '/healthz/x',
  '/x/metrics',
  '/v1',
  '/v1/',
  '/v1/users',
  '/v1/chat',
  '/v1/responses/resp_1',
  '/own/v1/models',
  '*',
  '',
])('%j is the host’s', (path) => expect(isApiPath(path)).toBe(false))
