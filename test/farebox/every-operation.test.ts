import { readFileSync } from 'node:fs'
import { credits, quantity } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import type { Farebox } from 'farebox'
import { beforeAll, describe, expect, it } from 'vitest'
import { prices } from '../compat/open-compat.ts'
import { type ApiAnswer, type ApiClient, serveApi } from './api-client.ts'
import { openAccount, openBox, openKey } from './open-box.ts'

// Whatever these requests are answered is held to the OpenAPI document by `openBox`: status, headers, media type and fields.

const ADMIN = 'admin-token'
const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const usage = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1_000, unit_type: 'tokens' }
const messages = [{ role: 'user', content: 'hello' }]

/** One request of each operation that is answered well, whoever is asked for: `{agent}` and its like are made before. */
const requests: Readonly<Record<string, readonly [path: string, body?: unknown]>> = {
  createAgent: ['/api/v1/agent/create', { business_logic_adapter: 'languagelearning' }],
  chatWithAgent: ['/api/v1/agent/{agent}/chat', { message: 'hello' }],
  talkToAgent: ['/api/v1/agent/{agent}/voice', question],
  callWithAgent: ['/api/v1/agent/{agent}/call', { to: '+15551234567', message: 'hello' }],
  openWorkflow: ['/api/v1/workflows', { workflow_name: 'work', max_credits: 500 }],
  listWorkflows: ['/api/v1/workflows'],
  getWorkflow: ['/api/v1/workflows/{routed}'],
  recordUsage: ['/api/v1/workflows/{workflow}/usage', usage],
  closeWorkflow: ['/api/v1/workflows/{spare}/close', {}],
  estimate: ['/api/v1/estimate', { ai_tokens: 1_000, voice_minutes: 1 }],
  getCredits: ['/api/v1/credits'],
  getStatement: ['/api/v1/credits/statement?limit=1'],
  listKeys: ['/api/v1/keys'],
  listBudgets: ['/api/v1/budgets'],
  getPrices: ['/api/v1/prices'],
  getUsage: ['/api/v1/usage'],
  getUsageSeries: ['/api/v1/usage/series?group_by=service'],
  getRecommendations: ['/api/v1/usage/recommendations'],
  getKeyUsage: ['/api/v1/usage/keys/{prefix}'],
  getStatus: ['/api/v1/status'],
  exportAccount: ['/api/v1/export'],
  createChatCompletion: ['/v1/chat/completions', { model: 'auto', messages }],
  createResponse: ['/v1/responses', { model: 'auto', input: 'hello' }],
  createEmbedding: ['/v1/embeddings', { model: 'text-embedding-3-small', input: 'hello' }],
  createSpeech: ['/v1/audio/speech', { model: 'auto', input: 'hello' }],
  createTranscription: ['/v1/audio/transcriptions', { model: 'auto', response_format: 'verbose_json' }],
  listModels: ['/v1/models'],
  getModel: ['/v1/models/gpt-4o'],
  createAccount: ['/api/v1/admin/accounts', { name: 'Grace', credits: 10 }],
  listAccounts: ['/api/v1/admin/accounts'],
  grantCredits: ['/api/v1/admin/grants', { account_id: '{account}', credits: 5, expires_at: '2099-01-01T00:00:00Z' }],
  refundUsage: ['/api/v1/admin/refunds', { account_id: '{account}', usage_id: '{usage}', credits: 1, reason: 'a mistake' }],
  revokeGrant: ['/api/v1/admin/grants/{grant}/revoke', { account_id: '{spareAccount}' }],
  chargebackGrant: ['/api/v1/admin/grants/{spareGrant}/chargeback', { account_id: '{spareAccount}' }],
  freezeAccount: ['/api/v1/admin/accounts/{spareAccount}/freeze', { reason: 'a dispute' }],
  unfreezeAccount: ['/api/v1/admin/accounts/{spareAccount}/unfreeze', {}],
  createKey: ['/api/v1/admin/keys', { account_id: '{account}', services: ['gpt'] }],
  listAccountKeys: ['/api/v1/admin/accounts/{account}/keys'],
  setKeyServices: ['/api/v1/admin/keys/{sparePrefix}/services', { services: ['gpt'] }],
  rotateKey: ['/api/v1/admin/keys/{sparePrefix}/rotate', {}],
  revokeKey: ['/api/v1/admin/keys/{sparePrefix}/revoke', {}],
  setBudget: ['/api/v1/admin/budgets', { account_id: '{account}', period: 'day', credits: 5_000, key_prefix: '{prefix}' }],
  exportAll: ['/api/v1/admin/export?kind=purchases&format=jsonl'],
  getHealth: ['/healthz'],
  getReadiness: ['/readyz'],
  getMetrics: ['/metrics'],
  getOpenapiDocument: ['/openapi.json'],
}

/** Fields of answers that are there when something goes wrong, is chosen or is used that these requests have none of: their own tests show them. */
const ELSEWHERE = [
  ...['AttemptUsed.error', 'Receipt.shortfall', 'WorkflowDetails.shortfall', 'RouteDecision.asked_provider'],
  ...['RouteCandidate.error_rate', 'RouteCandidate.rate_limited_rate', 'RouteDecision.candidates_omitted'],
  ...[
    'RouteDecision.rejected.charge',
    'RouteDecision.rejected_omitted',
    'RouteDecision.not_offered',
    'RouteDecision.exploration',
  ],
  ...['RouteDecision.exploration.candidate', 'RouteDecision.exploration.instead_of', 'RouteDecision.session'],
  ...['RouteDecision.session.candidate', 'RouteDecision.session.is_kept'],
  ...['Price.model', 'Price.rules', 'AdapterStatus.reason', 'AdapterStatus.concurrency'],
  ...['AdapterStatus.concurrency.limit', 'AdapterStatus.concurrency.running', 'AdapterStatus.concurrency.waiting'],
  ...['OfferStatus.first_event_ms', 'OfferStatus.in_flight_max', 'OfferStatus.per_minute_max'],
  ...['ChatCompletion.choices.message.tool_calls', 'ChatCompletion.choices.message.tool_calls.id'],
  ...['ChatCompletion.choices.message.tool_calls.type', 'ChatCompletion.choices.message.tool_calls.function'],
  ...['ChatCompletion.choices.message.tool_calls.function.name', 'ChatCompletion.choices.message.tool_calls.function.arguments'],
  'Readiness.providers.reason',
]

interface Schema {
  $ref?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
}
interface Operation {
  operationId: string
  security: Record<string, unknown>[]
  requestBody?: { content: Record<string, unknown> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

let document: Document
let operations: (Operation & { method: string; path: string })[]
beforeAll(async () => {
  const box = await import('farebox').then(({ createFarebox }) =>
    import('@farebox/ledger/sqlite').then(({ sqlite }) =>
      createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [] }),
    ),
  )
  document = (await (await box.routes()(new Request('http://api.example/openapi.json'))).json()) as Document
  await box.close()
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
  )
})

/** A server with an account in which something was done, and a way to ask it for operations by their ids. */
async function open(options: Parameters<typeof serveApi>[2] = {}) {
  const box = await openBox({ providers: [simulated({ callSeconds: 60 })], prices })
  const account = await openAccount(box)
  const api = await serveApi(box, account.key, { adminToken: ADMIN, ...options })
  const made = async (path: string, body: object, field: string) => String((await api.post(path, body)).body[field])
  const names: Record<string, string> = {
    account: account.accountId,
    prefix: account.prefix,
    sparePrefix: (await openKey(box, account.accountId)).prefix,
    agent: await made('/api/v1/agent/create', {}, 'agent_id'),
    workflow: await made('/api/v1/workflows', { workflow_name: 'work' }, 'workflow_id'),
    spare: await made('/api/v1/workflows', { workflow_name: 'work' }, 'workflow_id'),
    usage: 'a charge',
    ...(await madeForAnother(box)),
  }
  await box.ledger.charge({
    accountId: account.accountId,
    usageId: names.usage,
    service: 'gpt',
    provider: 'gpt-4o',
    usage: { quantity: quantity(1_000), unit: 'tokens', rated: credits(8) },
  })
  const named = (value: unknown) =>
    value instanceof Uint8Array || value === undefined
      ? value
      : JSON.parse(JSON.stringify(value).replace(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole))
  const isAdmin = ({ security }: Operation) => security.length === 1 && 'admin_token' in (security[0] ?? {})
  return {
    box,
    account,
    api,
    names,
    /** Who may ask for it. */
    asker: (operation: Operation): ApiClient => (isAdmin(operation) ? api.as(ADMIN) : api),
    async ask(
      { operationId, method, requestBody }: Operation & { method: string },
      client: ApiClient,
      { path = requests[operationId]?.[0] ?? '', body = requests[operationId]?.[1] }: { path?: string; body?: unknown } = {},
      headers: Record<string, string> = {},
    ): Promise<ApiAnswer> {
      if (method === 'get') return client.get(named(path))
      if (body instanceof Uint8Array) return client.post(named(path), body, { 'content-type': 'audio/wav', ...headers })
      if (!requestBody?.content['multipart/form-data'] || typeof body !== 'object' || body === null)
        return client.post(named(path), named(body), headers)
      const form = new FormData()
      for (const [name, value] of Object.entries(body)) form.set(name, String(value))
      form.set('file', new Blob([question]), 'question.wav')
      return client.post(named(path), form, headers)
    },
  }
}

/** An account that may be frozen, with grants that may be taken back. */
async function madeForAnother({ ledger }: Farebox): Promise<Record<string, string>> {
  const { accountId } = await ledger.openAccount({ name: 'Lin' })
  const grant = await ledger.grant({ accountId, amount: credits(5) })
  const spareGrant = await ledger.grant({ accountId, amount: credits(5) })
  return { spareAccount: accountId, grant: grant.grantId, spareGrant: spareGrant.grantId }
}

/** The schema that another refers to, and its name. */
function resolve(schema: Schema, name: string): [Schema, string] {
  const to = schema.$ref?.split('/').at(-1)
  return to === undefined ? [schema, name] : [document.components.schemas[to] ?? {}, to]
}

/** Notes which fields of its schemas an answer has, each by the name of its schema. */
function note(schema: Schema, value: unknown, at: string, seen: Set<string>): void {
  const [{ properties = {}, items, anyOf = [], oneOf = [], additionalProperties }, name] = resolve(schema, at)
  for (const each of [...anyOf, ...oneOf]) note(each, value, name, seen)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    if (items) for (const each of value) note(items, each, name, seen)
    return
  }
  for (const [field, inner] of Object.entries(value)) {
    const known = properties[field]
    if (known) seen.add(`${name}.${field}`)
    if (known) note(known, inner, `${name}.${field}`, seen)
    else if (typeof additionalProperties === 'object') note(additionalProperties, inner, `${name}.*`, seen)
  }
}

/** Every field that an operation's answer may have, by the name of its schema. */
function fieldsOf({ operationId, responses }: Operation): string[] {
  const found = new Set<string>()
  const walk = (schema: Schema, at: string, within: readonly string[]): void => {
    const [{ properties = {}, items, anyOf = [], oneOf = [], additionalProperties }, name] = resolve(schema, at)
    if (within.includes(name) && schema.$ref) return
    const inner = [...within, name]
    for (const each of [...anyOf, ...oneOf, ...(items ? [items] : [])]) walk(each, name, inner)
    if (typeof additionalProperties === 'object') walk(additionalProperties, `${name}.*`, inner)
    for (const [field, each] of Object.entries(properties)) {
      found.add(`${name}.${field}`)
      walk(each, `${name}.${field}`, inner)
    }
  }
  for (const [status, { content }] of Object.entries(responses)) {
    const schema = content?.['application/json']?.schema
    if (schema && status.startsWith('2')) walk(schema, operationId, [])
  }
  return [...found]
}

describe('every operation of the document', () => {
  it('has a request here that is answered as it says', async () => {
    expect(Object.keys(requests).sort()).toEqual(operations.map(({ operationId }) => operationId).sort())
    const { ask, asker, names, api } = await open()
    const fussy = { quality_min: 0.9, conditions: [{ when: {}, use: { voice_enabled: false } }] }
    const { agent_id } = (await api.post('/api/v1/agent/create', { custom_settings: { service_configuration: fussy } })).body
    names.routed = String((await api.post(`/api/v1/agent/${agent_id}/chat`, { message: 'hello' })).body.receipt?.workflow_id)
    const seen = new Set<string>()
    for (const operation of operations) {
      const declared = Object.keys(operation.responses).filter((status) => status.startsWith('2'))
      const { status, body } = await ask(operation, asker(operation))
      expect([String(status)], `${operation.operationId} ${JSON.stringify(body).slice(0, 300)}`).toEqual(declared)
      const schema = operation.responses[String(status)]?.content?.['application/json']?.schema
      if (schema) note(schema, body, operation.operationId, seen)
    }
    // Fields that are there only when there is something to tell.
    const { account } = names
    await api.as(ADMIN).post(`/api/v1/admin/accounts/${names.spareAccount}/freeze`)
    const told: [operationId: string, client: ApiClient, path: string][] = [
      ['getWorkflow', api.as(ADMIN), `/api/v1/workflows/{routed}?account_id=${account}`],
      ['listBudgets', api, '/api/v1/budgets'],
      ['listKeys', api, '/api/v1/keys'],
      ['listAccountKeys', api.as(ADMIN), '/api/v1/admin/accounts/{account}/keys'],
      ['listAccounts', api.as(ADMIN), '/api/v1/admin/accounts'],
      ['getReadiness', api.as(ADMIN), '/readyz'],
      ['getStatus', api.as(ADMIN), '/api/v1/status'],
      ['getStatement', api, '/api/v1/credits/statement?limit=1'],
      ['getKeyUsage', api, '/api/v1/usage/keys/{prefix}'],
      ['getRecommendations', api, '/api/v1/usage/recommendations'],
    ]
    for (const [operationId, client, path] of told) {
      const operation = operations.find((each) => each.operationId === operationId)
      if (!operation) throw new Error(`there is no operation ${operationId}`)
      const { status, body } = await ask(operation, client, { path })
      expect([operationId, status]).toEqual([operationId, 200])
      note(operation.responses[200]?.content?.['application/json']?.schema ?? {}, body, operationId, seen)
    }
    const missing = new Set(operations.flatMap(fieldsOf))
    for (const field of seen) missing.delete(field)
    // Which fields a configuration differs in is for whoever made it.
    expect([...missing].filter((field) => !/onfiguration\./.test(field))).toEqual(ELSEWHERE)
  })

  it('refuses what is no request of it, each in the way that the document has for it', async () => {
    const { ask, api, asker } = await open({ limits: { requestBytes: 10_000, uploadBytes: 500_000 } })
    const statuses: Record<string, number> = {}
    for (const operation of operations) {
      const { operationId, method, path, security, requestBody, responses } = operation
      const expectStatus = async (status: number, answer: Promise<ApiAnswer>) => {
        const got = await answer
        expect(got.status, `${operationId}: ${JSON.stringify(got.body).slice(0, 300)}`).toBe(status)
        expect(Object.keys(responses), operationId).toContain(String(status))
        statuses[status] = (statuses[status] ?? 0) + 1
      }
      const client = asker(operation)
      if (security.length > 0) {
        for (const key of [undefined, 'fbx_no', 'Bearer']) await expectStatus(401, ask(operation, api.as(key)))
      }
      if (path.includes('{')) {
        const unknown = path.replace(/\{\w+\}/g, 'nothing')
        await expectStatus(404, ask(operation, client, { path: unknown }))
        await expectStatus(422, ask(operation, client, { path: path.replace(/\{\w+\}/g, '%00') }))
      }
      if (method === 'get') {
        if (responses[422] && !path.includes('{model}')) {
          const [given = ''] = requests[operationId] ?? []
          await expectStatus(422, ask(operation, client, { path: `${given}${given.includes('?') ? '&' : '?'}surprise=1` }))
        }
        continue
      }
      if (requestBody?.content['application/json']) {
        await expectStatus(400, ask(operation, client, { body: '{' }))
        await expectStatus(422, ask(operation, client, { body: '[]' }))
        await expectStatus(413, ask(operation, client, { body: JSON.stringify({ x: 'x'.repeat(20_000) }) }))
        await expectStatus(415, ask(operation, client, { body: 'x' }, { 'content-type': 'audio/wav' }))
      } else {
        await expectStatus(400, ask(operation, client, { body: 'x' }, { 'content-type': 'multipart/form-data; boundary=x' }))
        await expectStatus(413, ask(operation, client, { body: new Uint8Array(600_000) }))
        await expectStatus(415, ask(operation, client, { body: '{}' }, { 'content-type': 'application/json' }))
        await expectStatus(422, ask(operation, client, { body: new Uint8Array(0) }))
      }
      await expectStatus(422, ask(operation, client, {}, { 'idempotency-key': 'x'.repeat(181) }))
    }
    expect(Object.keys(statuses)).toEqual(['400', '401', '404', '413', '415', '422'])
  })

  it('refuses whoever may not, cannot pay or asks too often, and says so when the store is gone', async () => {
    const { box, account, ask, asker, names, api } = await open({ limits: { requestsPerMinutePerKey: 40 } })
    const isCall = ({ responses }: Operation) => responses[402] !== undefined && responses[403] !== undefined
    const calls = operations.filter((operation) => isCall(operation) && operation.operationId !== 'openWorkflow')
    expect(calls.length).toBeGreaterThan(8)
    const none = await openKey(box, account.accountId, { services: [{ service: 'vision' }] })
    for (const operation of calls)
      expect([operation.operationId, (await ask(operation, api.as(none.key))).status]).toEqual([operation.operationId, 403])
    const poor = await openAccount(box, { balance: credits('0.000001') })
    const own = api.as(poor.key)
    names.agent = String(
      (await own.post('/api/v1/agent/create', { custom_settings: { service_configuration: { last_resort: false } } })).body
        .agent_id,
    )
    names.workflow = String((await own.post('/api/v1/workflows', { workflow_name: 'work' })).body.workflow_id)
    for (const operation of calls)
      expect([operation.operationId, (await ask(operation, own)).status]).toEqual([operation.operationId, 402])
    const eager = await openKey(box, account.accountId)
    while ((await api.as(eager.key).get('/api/v1/keys')).status === 200);
    const limited = operations.filter(({ security }) => security.some((scheme) => 'api_key' in scheme))
    for (const operation of limited) {
      const { status, headers } = await ask(operation, api.as(eager.key))
      expect([operation.operationId, status, headers.has('retry-after')]).toEqual([operation.operationId, 429, true])
    }
    await box.close()
    // Whose key is remembered is told what no store has to be asked for.
    const kept = ['estimate', 'getPrices', 'getStatus', 'listModels', 'getModel', 'getHealth', 'getMetrics', 'getOpenapiDocument']
    for (const operation of operations.filter(({ operationId }) => !kept.includes(operationId))) {
      expect([operation.operationId, (await ask(operation, asker(operation))).status]).toEqual([operation.operationId, 503])
    }
  })
})
