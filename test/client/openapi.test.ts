import { type AdminClient, createAdminClient, createClient, type FareboxClient } from '@farebox/client'
import { expect, it } from 'vitest'
import { openBox } from '../farebox/open-box.ts'

/** One method of the client for every route of the API. */
const accountMethods: Record<string, (client: FareboxClient) => Promise<unknown>> = {
  'POST /api/v1/agent/create': (client) => client.agents.create(),
  'POST /api/v1/agent/{id}/chat': (client) => client.agents.chat('an id', { message: 'Hello' }),
  'POST /api/v1/agent/{id}/voice': (client) => client.agents.voice('an id', { audio: new Uint8Array(4) }),
  'POST /api/v1/agent/{id}/call': (client) => client.agents.call('an id', { to: '+15551234567', message: 'Hello' }),
  'POST /api/v1/workflows': (client) => client.workflows.open({ workflow_name: 'w' }),
  'GET /api/v1/workflows': (client) => client.workflows.list({ state: 'open', limit: 5 }),
  'GET /api/v1/workflows/{id}': (client) => client.workflows.get('an id'),
  'POST /api/v1/workflows/{id}/usage': (client) =>
    client.workflows.usage('an id', { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1, unit_type: 'tokens' }),
  'POST /api/v1/workflows/{id}/close': (client) => client.workflows.close('an id'),
  'POST /api/v1/estimate': (client) => client.estimate({}),
  'GET /api/v1/usage': (client) => client.usage(),
  'GET /api/v1/usage/series': (client) => client.usageSeries({ granularity: 'week', group_by: 'provider' }),
  'GET /api/v1/keys': (client) => client.keys(),
  'GET /api/v1/budgets': (client) => client.budgets(),
  'GET /api/v1/status': (client) => client.status(),
  'GET /api/v1/usage/recommendations': (client) => client.recommendations(),
  'GET /api/v1/usage/keys/{prefix}': (client) => client.keyUsage('fbx_1234'),
  'GET /api/v1/credits': (client) => client.credits(),
  'GET /api/v1/credits/statement': (client) => client.statement(),
  'GET /api/v1/prices': (client) => client.prices(),
}

const adminMethods: Record<string, (admin: AdminClient) => Promise<unknown>> = {
  'POST /api/v1/admin/accounts': (admin) => admin.createAccount({ name: 'Ada' }),
  'GET /api/v1/admin/accounts': (admin) => admin.accounts({ limit: 10 }),
  'POST /api/v1/admin/grants': (admin) => admin.grant({ account_id: 'a', credits: 1 }),
  'POST /api/v1/admin/keys': (admin) => admin.createKey({ account_id: 'a' }),
  'GET /api/v1/admin/accounts/{account_id}/keys': (admin) => admin.accountKeys('an id'),
  'POST /api/v1/admin/keys/{prefix}/rotate': (admin) => admin.rotateKey('fbx_1234'),
  'POST /api/v1/admin/keys/{prefix}/services': (admin) => admin.setKeyServices('fbx_1234', ['gpt']),
  'POST /api/v1/admin/keys/{prefix}/revoke': (admin) => admin.revokeKey('fbx_1234'),
  'POST /api/v1/admin/budgets': (admin) => admin.setBudget({ account_id: 'a', period: 'day', credits: 1 }),
}

it('has a method for every route of the API', async () => {
  const box = await openBox()
  const response = await box.routes()(new Request('http://api.example/openapi.json'))
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, unknown>> }
  const operations = Object.entries(paths)
    .filter(([path]) => path.startsWith('/api/v1/'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
  expect([...Object.keys(accountMethods), ...Object.keys(adminMethods)].sort()).toEqual(operations.sort())
})

it.each(Object.entries(accountMethods))('%s is where its method goes, with the API key', async (operation, method) => {
  const { fetch, sent } = recorder()
  await method(createClient({ baseUrl: 'https://api.example/prefix/', apiKey: 'fbx_secret', fetch }))
  expectSent(await sent, operation, 'Bearer fbx_secret')
})

it.each(Object.entries(adminMethods))('%s is where its method goes, with the admin token', async (operation, method) => {
  const { fetch, sent } = recorder()
  await method(createAdminClient({ baseUrl: 'https://api.example/prefix', adminToken: 'token', fetch }))
  expectSent(await sent, operation, 'Bearer token')
})

function recorder(): { fetch: typeof fetch; sent: Promise<Request> } {
  const { promise: sent, resolve } = Promise.withResolvers<Request>()
  return {
    sent,
    fetch: async (input, init) => {
      resolve(new Request(input, init))
      return Response.json({})
    },
  }
}

function expectSent(request: Request, operation: string, authorization: string): void {
  const [method, path = ''] = operation.split(' ')
  const template = new RegExp(`^/prefix${path.replace(/\{\w+\}/g, '(an%20id|fbx_1234)')}$`)
  expect(request.method).toBe(method)
  expect(new URL(request.url).pathname).toMatch(template)
  expect(request.headers.get('authorization')).toBe(authorization)
  expect(request.headers.has('idempotency-key')).toBe(method === 'POST')
}
