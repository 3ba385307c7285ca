import { expect, it } from 'vitest'
import { isApiPath } from './api-path.ts'

it.each(['/api/v1/credits', '/api/v1/credits?x=/own', '/api/v1/', '/healthz', '/readyz?full', '/metrics', '/openapi.json'])(
  '%s is ours',
  (path) => expect(isApiPath(path)).toBe(true),
)

it.each([
  '/',
  '/api',
  '/api/v1',
  '/api/v10/credits',
  '/api/v2/credits',
  '/own?next=/api/v1/',
  '/healthz/x',
  '/x/metrics',
  '*',
  '',
])('%j is the host’s', (path) => expect(isApiPath(path)).toBe(false))
