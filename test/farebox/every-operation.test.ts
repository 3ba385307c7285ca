import { credits, quantity } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import type { Farebox } from 'farebox'
import { beforeAll, describe, expect, it } from 'vitest'
import { prices } from '../compat/open-compat.ts'
import { type ApiAnswer, type ApiClient, serveApi } from './api-client.ts'
import { openAccount, openBox, openKey } from './open-box.ts'
import { type Document, type Operation, readDocument, requests, type Schema, sendRequest } from './operations.ts'

// Whatever these requests are answered is held to the OpenAPI document by `openBox`: status, headers, media type and fields.

const ADMIN = 'admin-token'
/** Fields of answers that are there when something goes wrong, is chosen or is used that these requests have none of: their own tests show them. */
const ELSEWHERE = [
  ...['AttemptUsed.error', 'Receipt.shortfall', 'WorkflowListing.parent_workflow_id', 'WorkflowDetails.shortfall'],
  'RouteDecision.asked_provider',
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

let document: Document
let operations: Operation[]
beforeAll(async () => {
  ;({ document, operations } = await readDocument())
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
  const isAdmin = ({ security }: Operation) => security.length === 1 && 'admin_token' in (security[0] ?? {})
  return {
    box,
    account,
    api,
    names,
    /** Who may ask for it. */
    asker: (operation: Operation): ApiClient => (isAdmin(operation) ? api.as(ADMIN) : api),
    ask: (operation: Operation, client: ApiClient, request: { path?: string; body?: unknown } = {}, headers = {}) =>
      sendRequest(operation, client, names, request, headers),
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
      ['getCredits', api.as(ADMIN), `/api/v1/credits?account_id=${names.spareAccount}`],
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
    // Which fields a configuration differs in is for whoever made it. All that costs here, costs whole credits: `shown-amounts.test.ts`
    // has fractions, which are beside these.
    expect([...missing].filter((field) => !/onfiguration\.|_exact$/.test(field))).toEqual(ELSEWHERE)
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
