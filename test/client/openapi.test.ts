import { type AdminClient, createAdminClient, createClient, type FareboxClient } from '@farebox/client'
import type { WireAnswers } from 'farebox'
import { expect, it } from 'vitest'
import { openBox } from '../farebox/open-box.ts'

type AnswerName = keyof WireAnswers

/** A method of the client, and what it answers: by the type of its schema, and by the name that the document gives it; files have none. */
interface Method<Client> {
  answer: AnswerName | undefined
  ask(client: Client): Promise<unknown>
}

function account<Name extends AnswerName>(
  answer: Name,
  ask: (client: FareboxClient) => Promise<WireAnswers[Name]>,
): Method<FareboxClient> {
  return { answer, ask }
}

function admin<Name extends AnswerName>(
  answer: Name,
  ask: (client: AdminClient) => Promise<WireAnswers[Name]>,
): Method<AdminClient> {
  return { answer, ask }
}

/** One method of the client for every route of the API. */
const accountMethods: Record<string, Method<FareboxClient>> = {
  'POST /api/v1/agent/create': account('Agent', (client) => client.agents.create()),
  'POST /api/v1/agent/{id}/chat': account('ChatAnswer', (client) => client.agents.chat('an id', { message: 'Hello' })),
  'POST /api/v1/agent/{id}/voice': account('VoiceAnswer', (client) => client.agents.voice('an id', { audio: new Uint8Array(4) })),
  'POST /api/v1/agent/{id}/call': account('CallAnswer', (client) =>
    client.agents.call('an id', { to: '+15551234567', message: 'Hello' }),
  ),
  'POST /api/v1/workflows': account('OpenedWorkflow', (client) => client.workflows.open({ workflow_name: 'w' })),
  'GET /api/v1/workflows': account('WorkflowPage', (client) => client.workflows.list({ state: 'open', limit: 5 })),
  'GET /api/v1/workflows/{id}': account('WorkflowDetails', (client) => client.workflows.get('an id')),
  'POST /api/v1/workflows/{id}/usage': account('UsageCharged', (client) =>
    client.workflows.usage('an id', { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1, unit_type: 'tokens' }),
  ),
  'POST /api/v1/workflows/{id}/close': account('Receipt', (client) => client.workflows.close('an id')),
  'POST /api/v1/estimate': account('Estimate', (client) => client.estimate({})),
  'GET /api/v1/usage': account('UsageReport', (client) => client.usage()),
  'GET /api/v1/usage/series': account('UsageSeries', (client) =>
    client.usageSeries({ granularity: 'week', group_by: 'provider' }),
  ),
  'GET /api/v1/keys': account('OwnKeys', (client) => client.keys()),
  'GET /api/v1/budgets': account('Budgets', (client) => client.budgets()),
  'GET /api/v1/status': account('ProviderStatus', (client) => client.status()),
  'GET /api/v1/usage/recommendations': account('Recommendations', (client) => client.recommendations()),
  'GET /api/v1/usage/keys/{prefix}': account('KeyUsageReport', (client) => client.keyUsage('fbx_1234')),
  'GET /api/v1/credits': account('Credits', (client) => client.credits()),
  'GET /api/v1/credits/statement': account('StatementPage', (client) => client.statement()),
  'GET /api/v1/prices': account('PriceList', (client) => client.prices()),
  'GET /api/v1/export': { answer: undefined, ask: (client) => client.export({ format: 'jsonl' }).next() },
  'GET /healthz': account('Health', (client) => client.health()),
  'GET /readyz': account('Readiness', (client) => client.readiness()),
}

const adminMethods: Record<string, Method<AdminClient>> = {
  'POST /api/v1/admin/accounts': admin('CreatedAccount', (client) => client.createAccount({ name: 'Ada' })),
  'GET /api/v1/admin/accounts': admin('AccountPage', (client) => client.accounts({ limit: 10 })),
  'POST /api/v1/admin/grants': admin('Granted', (client) => client.grant({ account_id: 'a', credits: 1 })),
  'POST /api/v1/admin/grants/{grant_id}/revoke': admin('RevokedGrant', (client) =>
    client.revokeGrant('an id', { account_id: 'a' }),
  ),
  'POST /api/v1/admin/grants/{grant_id}/chargeback': admin('ChargedBack', (client) =>
    client.chargebackGrant('an id', { account_id: 'a' }),
  ),
  'POST /api/v1/admin/refunds': admin('Refunded', (client) => client.refund({ account_id: 'a', usage_id: 'u' })),
  'POST /api/v1/admin/accounts/{account_id}/freeze': admin('FrozenAccount', (client) => client.freezeAccount('an id')),
  'POST /api/v1/admin/accounts/{account_id}/unfreeze': admin('FrozenAccount', (client) => client.unfreezeAccount('an id')),
  'POST /api/v1/admin/keys': admin('CreatedKey', (client) => client.createKey({ account_id: 'a' })),
  'GET /api/v1/admin/accounts/{account_id}/keys': admin('AccountKeys', (client) => client.accountKeys('an id')),
  'POST /api/v1/admin/keys/{prefix}/rotate': admin('RotatedKey', (client) => client.rotateKey('fbx_1234')),
  'POST /api/v1/admin/keys/{prefix}/services': admin('KeyServices', (client) => client.setKeyServices('fbx_1234', ['gpt'])),
  'POST /api/v1/admin/keys/{prefix}/revoke': admin('RevokedKey', (client) => client.revokeKey('fbx_1234')),
  'GET /api/v1/admin/export': { answer: undefined, ask: (client) => client.export({ kind: 'purchases' }).next() },
  'POST /api/v1/admin/budgets': admin('CreatedBudget', (client) =>
    client.setBudget({ account_id: 'a', period: 'day', credits: 1 }),
  ),
}

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: { $ref?: string } }> }>
}

it('has a method for every route of the API, that answers what the document says', async () => {
  const box = await openBox()
  const response = await box.routes()(new Request('http://api.example/openapi.json'))
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, Operation>> }
  const operations = Object.entries(paths)
    // OpenAI's clients are for these, and Prometheus and generators of code for those.
    .filter(([path]) => !path.startsWith('/v1/') && path !== '/metrics' && path !== '/openapi.json')
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, { responses }]) => ({ path, method, responses })))
    .map(({ path, method, responses: { 200: done, 201: made } }) => {
      const { $ref } = (made ?? done)?.content?.['application/json']?.schema ?? {}
      return [`${method.toUpperCase()} ${path}`, $ref?.split('/').at(-1)]
    })
  const methods = Object.entries({ ...accountMethods, ...adminMethods }).map(([operation, { answer }]) => [operation, answer])
  expect(Object.fromEntries(methods)).toEqual(Object.fromEntries(operations))
})

it.each(Object.entries(accountMethods))('%s is where its method goes, with the API key', async (operation, { ask }) => {
  const { fetch, sent } = recorder()
  await ask(createClient({ baseUrl: 'https://api.example/prefix/', apiKey: 'fbx_secret', fetch }))
  expectSent(await sent, operation, 'Bearer fbx_secret')
})

it.each(Object.entries(adminMethods))('%s is where its method goes, with the admin token', async (operation, { ask }) => {
  const { fetch, sent } = recorder()
  await ask(createAdminClient({ baseUrl: 'https://api.example/prefix', adminToken: 'token', fetch }))
  expectSent(await sent, operation, 'Bearer token')
})

function recorder(): { fetch: typeof fetch; sent: Promise<Request> } {
  const { promise: sent, resolve } = Promise.withResolvers<Request>()
  return {
    sent,
    fetch: async (input, init) => {
      resolve(new Request(input, init))
      const isExport = new URL(String(input)).pathname.endsWith('/export')
      return isExport ? new Response('', { headers: { 'content-type': 'text/csv' } }) : Response.json({})
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
