import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SchemaVersionError } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, problemOf, statusOfCode } from 'farebox'
import { expect, it, onTestFinished } from 'vitest'
import { openaiError } from '../../packages/farebox/src/http/openai-error.ts'
import { repositoryFolder } from '../repository/workspace.ts'
import { serveApi } from './api-client.ts'

/** Defects, and mistakes of the host: no caller can do anything about them. */
const FAULTS = ['DELIVERY_REFUSED', 'INVALID_OPTION', 'INVALID_PRICE_BOOK', 'INVALID_USAGE', 'LEDGER_INTERNAL']

it('every code that an error of ours may have has a status, or is a fault of the server', () => {
  const codes = new Set(
    globSync('packages/{core,ledger,pricing,router,providers,farebox}/src/**/*.ts', { cwd: repositoryFolder })
      .filter((path) => !path.endsWith('.test.ts'))
      .flatMap((path) => codesIn(readFileSync(join(repositoryFolder, path), 'utf8'))),
  )
  expect(codes.size).toBeGreaterThan(60)
  expect([...codes].filter((code) => !(code in statusOfCode)).sort()).toEqual(FAULTS)
  expect(Object.keys(statusOfCode).filter((code) => !codes.has(code))).toEqual([])
})

/** The codes of classes of errors, and those of the ledger's failures, which become errors. */
function codesIn(source: string): string[] {
  const classes = source.match(/ override readonly code\b.*/g) ?? []
  const failures = /export type Failure =[\s\S]*?\n\n/.exec(source) ?? []
  return [...classes, ...failures].flatMap((text) => text.match(/(?<=')[A-Z_]{4,}(?=')/g) ?? [])
}

it('the type in OpenAI’s format says whose fault it is', () => {
  const typeOf = (status: number) => openaiError({ type: '', title: '', code: '', detail: '', status }).error.type
  expect(
    Object.fromEntries([...new Set(Object.values(statusOfCode)), 500].sort().map((status) => [status, typeOf(status)])),
  ).toEqual({
    400: 'invalid_request_error',
    401: 'invalid_request_error',
    402: 'insufficient_quota',
    403: 'permission_error',
    404: 'invalid_request_error',
    405: 'invalid_request_error',
    409: 'invalid_request_error',
    413: 'invalid_request_error',
    415: 'invalid_request_error',
    422: 'invalid_request_error',
    429: 'rate_limit_error',
    499: 'invalid_request_error',
    500: 'server_error',
    502: 'server_error',
    503: 'server_error',
    504: 'server_error',
  })
})

it('while tables are missing, callers are told to come back, and none of what operators are told', async () => {
  const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [simulated()], logger: quiet })
  onTestFinished(() => box.close())
  const api = await serveApi(box, 'fbx_some_key', { adminToken: 'admin-token' })
  const chat = { model: 'auto', messages: [{ role: 'user', content: 'hello' }] }
  for (const answer of [await api.get('/api/v1/credits'), await api.post('/v1/chat/completions', chat)]) {
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(JSON.stringify(answer.body)).toMatch(/schema_version/i)
    expect(JSON.stringify(answer.body)).not.toContain('migrate')
  }
  expect(problemOf(new SchemaVersionError('the database is at 99'))).toMatchObject({ status: 503, retry_after: 1 })
})

it('a server that closes tells callers to come back, as another or the next one will serve them', async () => {
  const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [simulated()], logger: quiet })
  await box.migrate()
  const api = await serveApi(box, 'fbx_some_key', { adminToken: 'admin-token' })
  await box.close()
  const chat = { model: 'auto', messages: [{ role: 'user', content: 'hello' }] }
  for (const answer of [await api.get('/api/v1/credits'), await api.post('/v1/chat/completions', chat)]) {
    expect(answer.status).toBe(503)
    expect(JSON.stringify(answer.body)).toMatch(/ledger_closed/i)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(answer.headers.get('x-should-retry') ?? 'true').toBe('true')
  }
})

const quiet = { ...console, error: () => {} }
