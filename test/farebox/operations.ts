import { readFileSync } from 'node:fs'
import { sqlite } from '@farebox/ledger/sqlite'
import { createFarebox } from 'farebox'
import type { ApiAnswer, ApiClient } from './api-client.ts'

const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const usage = { service_type: 'gpt', provider: 'gpt-4o', units_consumed: 1_000, unit_type: 'tokens' }
const messages = [{ role: 'user', content: 'hello' }]

/** One request of each operation that is answered well, whoever is asked for: `{agent}` and its like are made before. */
export const requests: Readonly<Record<string, readonly [path: string, body?: unknown]>> = {
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

export interface Schema {
  $ref?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
}
export interface Operation {
  operationId: string
  method: string
  path: string
  parameters?: { name: string; in: string }[]
  security: Record<string, unknown>[]
  requestBody?: { content: Record<string, unknown> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}
export interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** The OpenAPI document, and its operations in its order. */
export async function readDocument(): Promise<{ document: Document; operations: Operation[] }> {
  const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [] })
  const document = (await (await box.routes()(new Request('http://api.example/openapi.json'))).json()) as Document
  await box.close()
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
  )
  return { document, operations }
}

/** Sends the request of an operation, or another of its kind, with each `{name}` replaced by what `names` has for it. */
export async function sendRequest(
  { operationId, method, requestBody }: Operation,
  client: ApiClient,
  names: Readonly<Record<string, string>>,
  { path = requests[operationId]?.[0] ?? '', body = requests[operationId]?.[1] }: { path?: string; body?: unknown } = {},
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const named = (value: unknown) =>
    value instanceof Uint8Array || value === undefined
      ? value
      : JSON.parse(JSON.stringify(value).replace(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole))
  if (method === 'get') return client.get(named(path), headers)
  if (body instanceof Uint8Array) return client.post(named(path), body, { 'content-type': 'audio/wav', ...headers })
  if (!requestBody?.content['multipart/form-data'] || typeof body !== 'object' || body === null)
    return client.post(named(path), named(body), headers)
  const form = new FormData()
  for (const [name, value] of Object.entries(body)) form.set(name, String(value))
  form.set('file', new Blob([question]), 'question.wav')
  return client.post(named(path), form, headers)
}
